// What became of the items of one request: spans, log records, data points. A bad
// item costs itself and is counted here with its reason; only what cannot be read
// as a request at all fails as a whole. Values; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace opssight {

enum class OtlpEncoding : std::uint8_t { kProtobuf, kJson };

enum class OtlpReject : std::uint8_t {
  kMalformed,  // Its bytes or its JSON are not what the schema says.
  kBadId,      // trace_id or span_id is of another length or all zero.
  kBadTime,    // No time, one that int64 nanoseconds do not hold, or one too far ahead.
  kTooLarge,   // Above item_bytes_max.
  kTooMany,    // Above items_max or decoded_bytes_max.
  kNoValue,    // A number without a number.
  kBadShape,   // Bucket counts do not fit the bounds.
  kBadName,    // A metric or label name of which nothing is left.
  kTooManyLabels,
  kTemporality,  // Unspecified, or delta that cannot be accumulated.
  kOutOfOrder,   // A delta older than the last one of its series.
  kExponential,  // An exponential histogram too coarse or too wide for a native one.
};
inline constexpr std::size_t kOtlpRejects = 12;
// "bad_id", as a label value.
std::string_view ToString(OtlpReject why);

struct OtlpOutcome {
  std::uint64_t accepted = 0;  // Spans, log records or data points.
  std::array<std::uint64_t, kOtlpRejects> rejected_by{};
  std::uint64_t attributes_dropped = 0;  // Above attributes_max.
  std::uint64_t exemplars_dropped = 0;   // Above decoded_bytes_max.
  std::uint64_t duplicates = 0;          // Samples of a series at a time that already had one.
  std::uint64_t values_cut = 0;          // Above a limit in bytes, or nested too deep.
  std::string first_reject;              // What was wrong with the first one, for a person.

  void Reject(OtlpReject why, std::string_view detail);
  std::uint64_t rejected() const;
  std::uint64_t rejected(OtlpReject why) const {
    return rejected_by[static_cast<std::size_t>(why)];
  }
  // The error_message of partial_success; "" if there is nothing to say.
  std::string Message() const;
};

}  // namespace opssight
