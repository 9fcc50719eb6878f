// Protobuf's wire format without a schema, in place: WireReader walks the fields of one
// message, WireWriter appends them. For what is too hot or too large for generated
// code, which copies every string. Views point into the bytes given. Any thread.
//
//   WireReader reader(message);
//   for (WireField field; reader.Next(field);) {
//     if (field.number == 1 && field.is_bytes) …
//   }
//   if (reader.broken()) return Invalid("malformed protobuf");
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/bytes/endian.h"
#include "common/bytes/varint.h"

namespace opssight {

enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct WireField {
  std::uint32_t number = 0;
  bool is_bytes = false;  // Length-delimited: bytes; else integer.
  WireType type = WireType::kVarint;
  std::uint64_t integer = 0;  // Varint, fixed32 or fixed64.
  std::string_view bytes;

  double real() const { return std::bit_cast<double>(integer); }  // Of a fixed64.
};

class WireReader {
 public:
  explicit WireReader(std::string_view message) : rest_(message) {}
  // False at the end, and where the bytes are not a message; then broken().
  bool Next(WireField& field) {
    if (rest_.empty() || broken_) return false;
    broken_ = !Read(field);
    return !broken_;
  }
  bool broken() const { return broken_; }
  // What Next has not read yet; begins with a field's tag.
  std::string_view rest() const { return rest_; }

 private:
  bool Varint(std::uint64_t& value) {
    const auto first = static_cast<std::uint8_t>(rest_.empty() ? 0x80 : rest_.front());
    if (first < 0x80) {
      value = first;
      rest_.remove_prefix(1);
      return true;
    }
    value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<std::uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }
  template <class T>
  bool Fixed(std::uint64_t& value) {
    if (rest_.size() < sizeof(T)) return false;
    value = LoadLe<T>(rest_.data());
    rest_.remove_prefix(sizeof(T));
    return true;
  }
  bool Read(WireField& field) {
    std::uint64_t tag = 0;
    if (!Varint(tag) || tag > UINT32_MAX || (tag >> 3) == 0) return false;
    field.number = static_cast<std::uint32_t>(tag >> 3);
    field.type = static_cast<WireType>(tag & 7);
    field.is_bytes = field.type == WireType::kBytes;
    switch (field.type) {
      case WireType::kVarint:
        return Varint(field.integer);
      case WireType::kFixed64:
        return Fixed<std::uint64_t>(field.integer);
      case WireType::kFixed32:
        return Fixed<std::uint32_t>(field.integer);
      case WireType::kBytes: {
        std::uint64_t size = 0;
        if (!Varint(size) || size > rest_.size()) return false;
        field.bytes = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return true;
      }
    }
    return false;  // Groups: none of our peers ever had any.
  }

  std::string_view rest_;
  bool broken_ = false;
};

// Fields in the order of the calls. Zero and empty values are written as they are given;
// who wants proto3's way leaves them out.
class WireWriter {
 public:
  explicit WireWriter(std::string& out) : out_(out) {}

  void Varint(std::uint32_t number, std::uint64_t value) {
    Tag(number, WireType::kVarint);
    PutVarint(out_, value);
  }
  void Signed(std::uint32_t number, std::int64_t value) {  // sint32, sint64
    Varint(number, ZigZag(value));
  }
  void Double(std::uint32_t number, double value) {
    Tag(number, WireType::kFixed64);
    PutLe(out_, value);
  }
  void Bytes(std::uint32_t number, std::string_view value) {
    Tag(number, WireType::kBytes);
    PutString(out_, value);
  }
  // A message that fill(WireWriter&) writes. Its length is known afterwards, so its bytes
  // are moved once.
  template <class Fill>
  void Message(std::uint32_t number, Fill fill) {
    Tag(number, WireType::kBytes);
    const std::size_t start = out_.size();
    fill(*this);
    std::string length;
    PutVarint(length, out_.size() - start);
    out_.insert(start, length);
  }

 private:
  void Tag(std::uint32_t number, WireType type) {
    PutVarint(out_, static_cast<std::uint64_t>(number) << 3 | static_cast<std::uint64_t>(type));
  }
  std::string& out_;
};

}  // namespace opssight
