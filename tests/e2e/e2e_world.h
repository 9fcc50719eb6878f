// Both programs in a folder of the test's own, and what these tests ask of them.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/support/http.h"
#include "tests/support/programs.h"
#include "tests/support/temp_dir.h"

namespace opssight {

constexpr std::chrono::seconds kSoon{30};

inline std::string Why(const Status& status) {
  return status ? "" : status.error().message;
}

class E2eWorld {
 public:
  explicit E2eWorld(std::string agent_yaml = "", std::string aggregator_yaml = "")
      : programs_({.folder = dir_ / "work",
                   .agent_dir = dir_ / "agent",
                   .aggregator_dir = dir_ / "aggregator",
                   .agent_yaml = std::move(agent_yaml),
                   .aggregator_yaml = std::move(aggregator_yaml)}) {}

  Programs& programs() { return programs_; }
  std::string operator/(const std::string& name) const { return dir_ / name; }

  std::string Query(const std::string& selector) const {
    return HttpGet(programs_.url() + "/api/v1/query?query=" + UrlEscape(selector)).body;
  }
  std::string Lines(const std::string& query) const {
    return HttpGet(programs_.url() + "/loki/api/v1/query_range?query=" + UrlEscape(query)).body;
  }
  // Whether what a function answers comes to hold a text.
  template <class Ask>
  testing::AssertionResult Comes(const std::string& text, Ask ask) {
    std::string last;
    const auto there = [&] { return (last = ask()).find(text) != std::string::npos; };
    if (WaitFor(kSoon, there)) return testing::AssertionSuccess();
    return testing::AssertionFailure()
           << "'" << text << "' does not come; last: " << last << "\n"
           << programs_.agent().LogTail() << programs_.aggregator().LogTail();
  }

 private:
  TempDir dir_;
  Programs programs_;
};

}  // namespace opssight
