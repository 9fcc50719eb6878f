// Fixed-width integers in byte strings. Little-endian for payloads; big-endian
// for LMDB keys, whose byte order is their sort order.
// Get* never read past the end: nothing there is std::nullopt.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace opssight {

static_assert(std::endian::native == std::endian::little, "formats are read in place");

template <class T>
void PutLe(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
T LoadLe(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// Takes a T off the front of bytes.
template <class T>
std::optional<T> GetLe(std::string_view& bytes) {
  if (bytes.size() < sizeof(T)) return std::nullopt;
  const T value = LoadLe<T>(bytes.data());
  bytes.remove_prefix(sizeof(T));
  return value;
}

template <class T>
T SwapBytes(T value) {
  if constexpr (sizeof(T) == 8) return static_cast<T>(__builtin_bswap64(value));
  if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(value));
  if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(value));
  return value;
}

template <class T>
void PutBe(std::string& out, T value) {
  PutLe(out, SwapBytes(value));
}

// As a key: its bytes sort as the numbers do.
template <class T>
std::string BeBytes(T value) {
  std::string bytes;
  PutBe(bytes, value);
  return bytes;
}

template <class T>
T LoadBe(const char* at) {
  return SwapBytes(LoadLe<T>(at));
}

template <class T>
std::optional<T> GetBe(std::string_view& bytes) {
  const std::optional<T> value = GetLe<T>(bytes);
  if (!value) return std::nullopt;
  return SwapBytes(*value);
}

}  // namespace opssight
