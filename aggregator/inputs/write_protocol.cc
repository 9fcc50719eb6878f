#include "aggregator/inputs/write_protocol.h"

#include <fmt/core.h>

#include "common/codec/http/headers.h"
#include "common/http/responder.h"

namespace opssight {
namespace {

constexpr std::string_view kV1 = "prometheus.WriteRequest";
constexpr std::string_view kV2 = "io.prometheus.write.v2.Request";

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// What stands before sep; it and sep are taken off text.
std::string_view Take(std::string_view& text, char sep) {
  const std::size_t at = text.find(sep);
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return Trim(part);
}

// Nothing: error says why.
std::optional<WriteVersion> MessageOf(std::string_view content_type, std::string& error) {
  if (content_type.empty()) return WriteVersion::kV1;  // Old clients.
  std::string_view rest = content_type;
  const std::string media = AsciiLower(Take(rest, ';'));
  if (media != "application/x-protobuf") {
    error = fmt::format(
        "expected application/x-protobuf as the first (media) part, got {} content-type",
        content_type.substr(0, 128));
    return std::nullopt;
  }
  while (!rest.empty()) {
    std::string_view parameter = Take(rest, ';');
    if (AsciiLower(Take(parameter, '=')) != "proto") continue;
    const std::string_view message = Trim(parameter);
    if (message == kV1) return WriteVersion::kV1;
    if (message == kV2) return WriteVersion::kV2;
    error = fmt::format(
        "got {} content type; unknown type for remote write protobuf message {}, "
        "supported: {}, {}",
        content_type.substr(0, 128), message.substr(0, 128), kV1, kV2);
    return std::nullopt;
  }
  return WriteVersion::kV1;
}

}  // namespace

std::optional<WriteVersion> WriteVersionOf(const HttpRequest& request, HttpResponse& refusal) {
  if (request.method != "POST") {
    refusal = TextResponse(405, "Method Not Allowed");
    refusal.headers.emplace_back("allow", "POST");
    return std::nullopt;
  }
  std::string error;
  const auto version = MessageOf(request.Header("content-type"), error);
  if (!version) {
    refusal = TextResponse(415, error);
    return std::nullopt;
  }
  const std::string_view encoding = request.Header("content-encoding");
  if (!encoding.empty() && AsciiLower(encoding) != "snappy") {
    refusal = TextResponse(
        415, fmt::format("{} encoding (compression) is not accepted by this server; only snappy is "
                         "acceptable",
                         encoding.substr(0, 64)));
    return std::nullopt;
  }
  return version;
}

HttpResponse WriteAnswer(WriteVersion version, int status, std::string_view text,
                         const WrittenCounts& written) {
  HttpResponse response;
  if (status == 204) {
    response.status = status;
  } else {
    response = TextResponse(status, text);
  }
  if (version == WriteVersion::kV1) return response;
  const auto add = [&](const char* what, std::uint64_t count) {
    response.headers.emplace_back(fmt::format("x-prometheus-remote-write-{}-written", what),
                                  std::to_string(count));
  };
  add("samples", written.samples);
  add("histograms", written.histograms);
  add("exemplars", written.exemplars);
  return response;
}

}  // namespace opssight
