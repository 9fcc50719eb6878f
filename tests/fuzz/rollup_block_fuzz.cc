// Any bytes are a rollup block, the columns of one series, or the record of a day, or
// refused; what is read is written and read again the same. The checksum is set right first,
// so that what lies behind it is reached. First byte: which of them, and the resolution.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "aggregator/store/columns/envelope.h"
#include "aggregator/store/rollup/rollup_block.h"
#include "aggregator/store/rollup/rollup_files.h"

namespace opssight {
namespace {

constexpr DayNumber kDay = 20'000;

// A length byte, so many bytes, and the rest.
std::pair<std::string_view, std::string_view> Halves(std::string_view body) {
  if (body.empty()) return {};
  const std::size_t size =
      std::min<std::size_t>(static_cast<unsigned char>(body[0]), body.size() - 1);
  return {body.substr(1, size), body.substr(1 + size)};
}

void Check(std::int64_t resolution_ms, const DayBuckets& buckets) {
  for (const DayBucket& one : buckets) {
    const std::int64_t end_ms = EndOfBucket(kDay, resolution_ms, one.number);
    if (one.bucket.count == 0) continue;
    if (one.bucket.first_ms <= end_ms - resolution_ms || one.bucket.last_ms > end_ms) {
      __builtin_trap();
    }
  }
}

void ReadSeries(std::int64_t resolution_ms, std::string_view body) {
  const auto [shape, values] = Halves(body);
  DayBuckets buckets;
  if (!DecodeBuckets(kDay, resolution_ms, shape, values, buckets)) return;
  Check(resolution_ms, buckets);
  const EncodedBuckets again = EncodeBuckets(kDay, resolution_ms, buckets);
  DayBuckets read;
  if (!DecodeBuckets(kDay, resolution_ms, again.shape, again.values, read)) __builtin_trap();
  const EncodedBuckets third = EncodeBuckets(kDay, resolution_ms, read);
  if (third.shape != again.shape || third.values != again.values) __builtin_trap();
}

void ReadAll(std::int64_t resolution_ms, std::string_view body) {
  const auto [head, columns] = Halves(body);
  const std::string bytes = WrapBlock("ORB1", head, columns);
  auto block = RollupBlock::Open(bytes, kDay, resolution_ms);
  if (!block) return;
  DayBuckets buckets;
  for (std::size_t i = 0; i < block->size() && i < 64; ++i) {
    if (block->Read(i, {.first = true, .max = true, .carry = true}, buckets)) {
      Check(resolution_ms, buckets);
    }
    (void)block->IsEmpty(i);
  }
}

}  // namespace
}  // namespace opssight

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace opssight;  // NOLINT(google-build-using-namespace)
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::int64_t resolution_ms = data[0] < 128 ? kFineMs : kCoarseMs;
  switch (data[0] % 3) {
    case 0:
      ReadAll(resolution_ms, body);
      return 0;
    case 1:
      ReadSeries(resolution_ms, body);
      return 0;
    default:
      if (const auto day = DecodeRollupDay(body)) {
        if (EncodeRollupDay(*day) != body && !DecodeRollupDay(EncodeRollupDay(*day))) {
          __builtin_trap();
        }
      }
      return 0;
  }
}
