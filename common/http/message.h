// An HTTP request and its answer as values, apart from any connection: what a
// handler takes and gives, so that handlers are tested without sockets.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/codec/http/headers.h"

namespace opssight {

struct HttpRequest {
  std::string method;  // "GET"
  std::string path;    // Percent-decoded, without the query.
  // For application/x-www-form-urlencoded the body's parameters, then the query's, each in
  // order, decoded.
  std::vector<std::pair<std::string, std::string>> params;
  Headers headers;
  std::string body;  // Decoded.
  std::string peer;
  int http_major = 1;
  std::string_view Header(std::string_view lower_name) const;  // "" if absent.
  std::string_view Param(std::string_view name) const;         // First; "" if absent.
  bool HasParam(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  Headers headers;
  std::string body;
  Headers trailers;  // HTTP/2 only (gRPC).
};

}  // namespace opssight
