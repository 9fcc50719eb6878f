// Records of the simulation: numbers. A batch carries them as log lines, a gap
// names those it stands for in its stream, so that every one can be accounted for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/codec/batch/batch.h"

namespace opssight::sim {

using Record = std::uint64_t;

std::string BatchOf(const std::vector<Record>& records, std::uint64_t salt);
// A batch of one gap record for these.
std::string GapOf(const std::vector<Record>& records, const std::string& reason);

struct Contents {
  std::vector<Record> records;
  std::vector<Record> gaps;  // Records that gap records stand for.
  std::uint64_t lost = 0;    // Sum of the counts of gaps that name none.
};
Contents ContentsOf(const DecodedBatch& batch);

}  // namespace opssight::sim
