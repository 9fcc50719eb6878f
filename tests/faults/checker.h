// The one checker: what a source emitted against what the query API gave back and what
// gap records say. Pure; checker_test.cc shows that it can fail.
//
// A source numbers its records 1..N. Right is: each number is there once, and those that
// are not stand in gap records, whose counts add up to exactly what is missing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace opssight::faults {

struct GapRecord {
  std::int64_t from_ns = 0;  // Times of the first and last record lost.
  std::int64_t to_ns = 0;
  std::uint64_t count = 0;
  std::string reason;
};

struct Evidence {
  std::string source;
  std::uint64_t emitted = 0;  // N.
  bool timed = true;          // Else records have the time when they were read.
  std::int64_t first_ns = 0;  // Time of record 1,
  std::int64_t step_ns = 1;   // and from each to the next.
  // Records handed over again because an answer was missing: a copy may have become a
  // gap record although another is stored, so counts may be higher by so much.
  std::uint64_t retried = 0;
  std::vector<std::uint64_t> found;  // As read back.
  std::vector<std::string> strange;  // Answers that are no record of this source.
  std::vector<GapRecord> gaps;       // Of this source.
};

struct Verdict {
  std::string source;
  std::uint64_t emitted = 0;
  std::uint64_t found = 0;       // Numbers that are there.
  std::uint64_t duplicates = 0;  // Copies beyond the first.
  std::uint64_t missing = 0;
  std::uint64_t unexplained = 0;      // Of the missing, those in no gap record.
  std::uint64_t in_gaps = 0;          // Sum of the gap records' counts.
  std::vector<std::string> problems;  // Empty: right.
};

Verdict Check(const Evidence& evidence);

}  // namespace opssight::faults
