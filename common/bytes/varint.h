// LEB128 variable-length integers and zigzag, as in Protocol Buffers' encoding
// page. Get* take from the front and say nothing where the bytes end or overflow.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace opssight {

inline void PutVarint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

inline std::optional<std::uint64_t> GetVarint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (bytes.empty()) return std::nullopt;
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    if (shift == 63 && byte > 1) return std::nullopt;
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

inline std::uint64_t ZigZag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
inline std::int64_t UnZigZag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

inline void PutZigZag(std::string& out, std::int64_t value) {
  PutVarint(out, ZigZag(value));
}
inline std::optional<std::int64_t> GetZigZag(std::string_view& bytes) {
  const auto value = GetVarint(bytes);
  if (!value) return std::nullopt;
  return UnZigZag(*value);
}

// A length, then that many bytes.
inline void PutString(std::string& out, std::string_view text) {
  PutVarint(out, text.size());
  out.append(text);
}
inline std::optional<std::string_view> GetString(std::string_view& bytes) {
  const auto size = GetVarint(bytes);
  if (!size || *size > bytes.size()) return std::nullopt;
  const std::string_view text = bytes.substr(0, *size);
  bytes.remove_prefix(*size);
  return text;
}

}  // namespace opssight
