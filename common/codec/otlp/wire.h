// WireReader walks the fields of one protobuf message without a schema, in place.
// For the outer messages of a request, whose inner ones are then parsed one by one.
// Views point into the bytes given.
#pragma once

#include <cstdint>
#include <string_view>

namespace opssight {

struct WireField {
  std::uint32_t number = 0;
  bool is_bytes = false;      // Length-delimited: bytes; else integer.
  std::uint64_t integer = 0;  // Varint, fixed32 or fixed64.
  std::string_view bytes;
};

class WireReader {
 public:
  explicit WireReader(std::string_view message) : rest_(message) {}
  // False at the end, and where the bytes are not a message; then broken().
  bool Next(WireField& field);
  bool broken() const { return broken_; }

 private:
  bool Varint(std::uint64_t& value);
  bool Fixed(std::size_t size, std::uint64_t& value);
  std::string_view rest_;
  bool broken_ = false;
};

}  // namespace opssight
