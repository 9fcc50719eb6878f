// Log lines of the product's shape for benchmarks: JSON of 12 services with the fields
// of its log structure, from a seed. Fields are independent; a request id is random.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>

#include "common/base/random.h"

namespace opssight::bench {

struct MadeLine {
  std::size_t stream = 0;
  std::int64_t time_ns = 0;
  std::string line;
};

class LogLines {
 public:
  LogLines(std::size_t streams, std::uint64_t seed) : streams_(streams), random_(seed) {}

  static std::string App(std::size_t stream) { return kApps[stream % kApps.size()]; }

  // About 400 bytes, 2 ms after the one before.
  MadeLine Next() {
    MadeLine made{.stream = random_.Below(streams_), .time_ns = now_ms_ * 1'000'000, .line = {}};
    now_ms_ += static_cast<std::int64_t>(random_.Below(5));
    const bool bad = random_.Below(50) == 0;
    std::string& out = made.line;
    out.reserve(512);
    out = "{\"timestamp\":\"";
    Time(out);
    out += std::string("\",\"level\":\"") + (bad ? "error" : Pick(kLevels)) + "\",\"message\":\"";
    Message(bad, out);
    out += std::string("\",\"category\":\"") + Pick(kCategories) + "\",\"component\":\"" +
           Pick(kComponents) + "\",\"context\":{\"request_id\":\"";
    Uuid(out);
    out += "\",\"user_id\":\"user_" + std::to_string(random_.Below(20'000)) + "\",\"endpoint\":\"" +
           Pick(kEndpoints) + "\"},\"labels\":{\"service\":\"opssight-" + App(made.stream) +
           "\",\"environment\":\"production\",\"pod\":\"" + App(made.stream) + "-" +
           std::to_string(made.stream) + "\"},\"metadata\":{\"logger\":\"app.api." +
           Pick(kComponents) + "\",\"duration_ms\":" + std::to_string(Skewed(1000)) +
           ",\"status\":" + (bad ? "500" : Pick(kStatuses)) + "}}";
    return made;
  }

 private:
  template <std::size_t N>
  const char* Pick(const std::array<const char*, N>& from) {
    return from[random_.Below(N)];
  }
  std::uint64_t Skewed(std::uint64_t bound) {
    return random_.Below(1 + random_.Below(1 + random_.Below(bound)));
  }
  void Time(std::string& out) const {
    const std::int64_t second = now_ms_ / 1000 % 86'400;
    char text[40];
    const int size =
        std::snprintf(text, sizeof text, "2025-01-20T%02d:%02d:%02d.%03dZ",
                      static_cast<int>(second / 3600), static_cast<int>(second / 60 % 60),
                      static_cast<int>(second % 60), static_cast<int>(now_ms_ % 1000));
    out.append(text, static_cast<std::size_t>(size));
  }
  void Uuid(std::string& out) {
    for (std::size_t i = 0; i < 36; ++i) {
      const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
      out.push_back(dash ? '-' : i == 14 ? '4' : "0123456789abcdef"[random_.Below(16)]);
    }
  }
  void Message(bool bad, std::string& out) {
    if (bad) {
      out += std::string("Request failed: ") + Pick(kCauses) + " after " +
             std::to_string(Skewed(30'000)) + " ms, attempt " +
             std::to_string(1 + random_.Below(5));
      return;
    }
    switch (random_.Below(5)) {
      case 0:
        out += "Request processed successfully in " + std::to_string(Skewed(900)) + " ms";
        return;
      case 1:
        out += std::string("Cache ") + (random_.Below(3) == 0 ? "miss" : "hit") +
               " for key user:" + std::to_string(random_.Below(20'000)) + ":profile";
        return;
      case 2:
        out += std::string("Query on table ") + Pick(kTables) + " returned " +
               std::to_string(Skewed(5000)) + " rows";
        return;
      case 3:
        out += std::string("Calling ") + Pick(kComponents) + " service for " + Pick(kEndpoints);
        return;
      default:
        out += "Background job " + std::to_string(random_.Below(100'000)) + " finished, " +
               std::to_string(Skewed(400)) + " items written";
        return;
    }
  }

  static constexpr std::array<const char*, 12> kApps = {"backend", "frontend", "auth",    "billing",
                                                        "search",  "worker",   "gateway", "mailer",
                                                        "report",  "sync",     "audit",   "media"};
  static constexpr std::array<const char*, 8> kLevels = {"info", "info", "info",  "info",
                                                         "info", "info", "debug", "warn"};
  static constexpr std::array<const char*, 11> kCategories = {
      "api_request", "api_response", "db_query",     "cache_op",   "security", "performance",
      "business",    "system",       "external_api", "background", "audit"};
  static constexpr std::array<const char*, 8> kComponents = {
      "backend", "users", "billing", "search", "sessions", "payments", "reports", "notifications"};
  static constexpr std::array<const char*, 12> kEndpoints = {
      "/api/v1/users",   "/api/v1/orders",  "/api/v1/login",    "/api/v1/logout",
      "/api/v1/metrics", "/api/v1/alerts",  "/api/v1/search",   "/api/v1/reports",
      "/api/v2/users",   "/api/v2/invoice", "/api/v2/sessions", "/healthz"};
  static constexpr std::array<const char*, 8> kStatuses = {"200", "200", "200", "200",
                                                           "201", "204", "304", "404"};
  static constexpr std::array<const char*, 6> kCauses = {
      "connection refused", "timeout waiting for lock", "deadline exceeded",
      "upstream reset",     "permission denied",        "out of memory"};
  static constexpr std::array<const char*, 6> kTables = {"users",    "orders", "invoices",
                                                         "sessions", "events", "audit_log"};

  const std::size_t streams_;
  Random random_;
  std::int64_t now_ms_ = 1'737'331'200'000;  // 2025-01-20.
};

}  // namespace opssight::bench
