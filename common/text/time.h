// RFC 3339 timestamps with up to nine digits of fraction (Go's RFC3339Nano), to
// and from nanoseconds since 1970-01-01 UTC. No locale, no time zone database.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace opssight {

// "2006-01-02T15:04:05.999999999Z07:00". Digits after the ninth are dropped; second
// 60 (a leap second) is the next minute's 0. Nothing for any other text, or for a time
// that int64 nanoseconds cannot hold (before 1677, after 2262).
std::optional<std::int64_t> ParseRfc3339Ns(std::string_view text);

// The same to milliseconds, of any year; what is beyond them is dropped (towards the past).
std::optional<std::int64_t> ParseRfc3339Ms(std::string_view text);

// In UTC with a Z, fraction without trailing zeros, as Go prints RFC3339Nano.
std::string FormatRfc3339Ns(std::int64_t time_ns);

}  // namespace opssight
