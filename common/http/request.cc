#include "common/http/request.h"

#include <algorithm>
#include <cstddef>

#include <fmt/core.h>

#include "common/codec/http/content.h"
#include "common/codec/http/url.h"

namespace opssight {
namespace {

std::optional<HttpRefusal> FillParams(std::string_view where, std::string_view text,
                                      HttpRequest& request) {
  const Status parsed = ParseForm(text, request.params);
  if (parsed) return std::nullopt;
  const int status = parsed.error().code == ErrorCode::kExhausted ? 413 : 400;
  return HttpRefusal{status, fmt::format("{} in {}", parsed.error().message, where)};
}

}  // namespace

std::optional<HttpRefusal> SetTarget(std::string_view target, HttpRequest& request) {
  if (target == "*" && request.method == "OPTIONS") {
    request.path = "*";
    return std::nullopt;
  }
  if (target.substr(0, 1) != "/") {  // Absolute form, as to a proxy (RFC 9112 3.2.2).
    const std::size_t scheme = target.find("://");
    const std::string lower = AsciiLower(target.substr(0, scheme));
    if (scheme == std::string_view::npos || (lower != "http" && lower != "https")) {
      return HttpRefusal{400, "bad request target"};
    }
    target.remove_prefix(scheme + 3);
    const std::size_t path = target.find_first_of("/?");
    target.remove_prefix(path == std::string_view::npos ? target.size() : path);
  }
  target = target.substr(0, target.find('#'));
  const std::size_t query = target.find('?');
  auto path = PercentDecode(target.substr(0, query), false);
  if (!path.has_value()) return HttpRefusal{400, "bad escape in the path"};
  request.path = path->empty() ? "/" : std::move(*path);
  if (query == std::string_view::npos) return std::nullopt;
  return FillParams("the query", target.substr(query + 1), request);
}

bool HasCodedBody(const HttpRequest& request) {
  const std::string coding = AsciiLower(request.Header("content-encoding"));
  return !coding.empty() && coding != "identity" && coding != "snappy";
}

std::optional<HttpRefusal> DecodeBody(std::size_t bytes_max, HttpRequest& request) {
  const std::string coding = AsciiLower(request.Header("content-encoding"));
  auto decoded = DecodeContent(coding, request.body, bytes_max);
  if (!decoded.has_value()) {
    const ErrorCode code = decoded.error().code;
    const int status = code == ErrorCode::kNotFound    ? 415
                       : code == ErrorCode::kExhausted ? 413
                                                       : 400;
    return HttpRefusal{status, std::move(decoded.error().message)};
  }
  request.body = std::move(*decoded);
  std::erase_if(request.headers,
                [](const auto& header) { return header.first == "content-encoding"; });
  return std::nullopt;
}

std::optional<HttpRefusal> AddFormParams(HttpRequest& request) {
  const std::string type = AsciiLower(request.Header("content-type"));
  const std::size_t end = type.find_first_of("; \t");  // Blanks may stand before the ;.
  if (type.substr(0, end) != "application/x-www-form-urlencoded") return std::nullopt;
  const auto before = static_cast<std::ptrdiff_t>(request.params.size());
  auto refusal = FillParams("the form", request.body, request);
  // Of a name in both, the body's counts first, as in Go's form values.
  std::rotate(request.params.begin(), request.params.begin() + before, request.params.end());
  return refusal;
}

}  // namespace opssight
