#include "common/net/address.h"

#include <array>
#include <charconv>

#include <fmt/core.h>
#include <uv.h>

namespace opssight {
namespace {

bool ParsePort(std::string_view text, std::uint16_t& port) {
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, port);
  return !text.empty() && parsed.ec == std::errc() && parsed.ptr == end;
}

bool IsIpv6(const std::string& host) {
  sockaddr_in6 v6{};
  return uv_ip6_addr(host.c_str(), 0, &v6) == 0;
}

}  // namespace

std::string Address::ToString() const {
  if (host.find(':') != std::string::npos) return fmt::format("[{}]:{}", host, port);
  return fmt::format("{}:{}", host, port);
}

Result<Address> ParseAddress(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return Invalid(fmt::format("address \"{}\": {}; write host:port or [IPv6]:port", text, why));
  };
  Address address;
  std::string_view port;
  if (text.substr(0, 1) == "[") {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return wrong("']' is missing");
    address.host = text.substr(1, end - 1);
    if (!IsIpv6(address.host)) return wrong("no IPv6 address between '[' and ']'");
    if (text.substr(end + 1, 1) != ":") return wrong("the port is missing");
    port = text.substr(end + 2);
  } else {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return wrong("the port is missing");
    address.host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  if (address.host.size() > 253) return wrong("the name is too long");
  if (address.host.find_first_of(std::string_view(" \t\r\n/@\0", 7)) != std::string::npos) {
    return wrong("the host has a character that no name has");
  }
  if (!ParsePort(port, address.port)) return wrong("the port is not a number from 0 to 65535");
  return address;
}

bool IsIpLiteral(const std::string& host) {
  sockaddr_in v4{};
  return uv_ip4_addr(host.c_str(), 0, &v4) == 0 || IsIpv6(host);
}

std::string ToString(const sockaddr* address) {
  std::array<char, 64> text{};
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    uv_ip4_name(v4, text.data(), text.size());
    return fmt::format("{}:{}", text.data(), ntohs(v4->sin_port));
  }
  if (address->sa_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    uv_ip6_name(v6, text.data(), text.size());
    return fmt::format("[{}]:{}", text.data(), ntohs(v6->sin6_port));
  }
  return {};
}

}  // namespace opssight
