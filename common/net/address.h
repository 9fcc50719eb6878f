// Address: where to connect to or listen on, as text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

struct sockaddr;

namespace opssight {

struct Address {
  std::string host;  // Name or IP literal. Empty: all addresses of this host (to listen).
  std::uint16_t port = 0;
  std::string ToString() const;  // "127.0.0.1:9095", "[::1]:9095", ":9090".
};

// "host:port", "[v6]:port", ":port". kInvalid says what is wrong with text.
Result<Address> ParseAddress(std::string_view text);

// Whether host is an IPv4 or IPv6 literal, so that nothing is to be looked up.
bool IsIpLiteral(const std::string& host);

// "127.0.0.1:9095", "[::1]:9095"; "" for another family.
std::string ToString(const sockaddr* address);

}  // namespace opssight
