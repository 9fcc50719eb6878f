// From what a codec gives to an HttpRequest: target, parameters, content coding. No
// I/O. Errors carry the status to answer with.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/http/message.h"

namespace opssight {

struct HttpRefusal {
  int status = 400;
  std::string text;
};

// Fills path and params from a target in origin, absolute or asterisk form.
std::optional<HttpRefusal> SetTarget(std::string_view target, HttpRequest& request);

// Whether the body is coded in a way that DecodeBody undoes. Nothing to do for
// identity, and for snappy, which is the handler's.
bool HasCodedBody(const HttpRequest& request);
// Undoes it, and takes the header away.
std::optional<HttpRefusal> DecodeBody(std::size_t bytes_max, HttpRequest& request);
// Adds the parameters of an application/x-www-form-urlencoded body.
std::optional<HttpRefusal> AddFormParams(HttpRequest& request);

}  // namespace opssight
