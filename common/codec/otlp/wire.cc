#include "common/codec/otlp/wire.h"

#include "common/bytes/endian.h"

namespace opssight {

bool WireReader::Varint(std::uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool WireReader::Fixed(std::size_t size, std::uint64_t& value) {
  if (rest_.size() < size) return false;
  value = size == 4 ? LoadLe<std::uint32_t>(rest_.data()) : LoadLe<std::uint64_t>(rest_.data());
  rest_.remove_prefix(size);
  return true;
}

bool WireReader::Next(WireField& field) {
  if (rest_.empty() || broken_) return false;
  broken_ = true;
  std::uint64_t tag = 0;
  if (!Varint(tag) || tag > UINT32_MAX || (tag >> 3) == 0) return false;
  field = {
      .number = static_cast<std::uint32_t>(tag >> 3), .is_bytes = false, .integer = 0, .bytes = {}};
  switch (tag & 7) {
    case 0:
      if (!Varint(field.integer)) return false;
      break;
    case 1:
      if (!Fixed(8, field.integer)) return false;
      break;
    case 2: {
      std::uint64_t size = 0;
      if (!Varint(size) || size > rest_.size()) return false;
      field.is_bytes = true;
      field.bytes = rest_.substr(0, size);
      rest_.remove_prefix(size);
      break;
    }
    case 5:
      if (!Fixed(4, field.integer)) return false;
      break;
    default:  // Groups: OTLP never had any.
      return false;
  }
  broken_ = false;
  return true;
}

}  // namespace opssight
