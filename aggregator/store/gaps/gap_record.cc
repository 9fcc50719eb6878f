#include "aggregator/store/gaps/gap_record.h"

#include "common/bytes/endian.h"
#include "common/bytes/hash.h"
#include "common/bytes/varint.h"

namespace opssight {

std::string EncodeGap(const Gap& gap) {
  std::string rest;
  PutLe(rest, static_cast<std::uint8_t>(gap.signal));
  PutLe(rest, gap.from_ns);
  PutLe(rest, gap.to_ns);
  PutLe(rest, gap.count);
  PutString(rest, std::string_view(gap.stream).substr(0, kGapTextBytesMax));
  PutString(rest, std::string_view(gap.reason).substr(0, kGapTextBytesMax));
  std::string bytes;
  PutLe(bytes, Hash64(rest));
  return bytes + rest;
}

Result<Gap> DecodeGap(std::string_view bytes) {
  const auto hash = GetLe<std::uint64_t>(bytes);
  if (!hash || Hash64(bytes) != *hash) return Corrupt("gap record: checksum");
  const auto signal = GetLe<std::uint8_t>(bytes);
  const auto from_ns = GetLe<std::int64_t>(bytes);
  const auto to_ns = GetLe<std::int64_t>(bytes);
  const auto count = GetLe<std::uint64_t>(bytes);
  const auto stream = GetString(bytes);
  const auto reason = GetString(bytes);
  if (!count || !stream || !reason || *signal > static_cast<std::uint8_t>(Signal::kSpans)) {
    return Corrupt("gap record: shape");
  }
  return Gap{.signal = static_cast<Signal>(*signal),
             .stream = std::string(*stream),
             .from_ns = *from_ns,
             .to_ns = *to_ns,
             .count = *count,
             .reason = std::string(*reason)};
}

}  // namespace opssight
