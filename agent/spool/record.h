// A batch as it stands in the spool: a head that says what is in it, then the
// batch frame. The head has a checksum of its own, so that a damaged frame still
// leaves a gap record with its counts. README.md has the widths. No I/O.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/codec/batch/batch.h"
#include "common/model/record.h"

namespace opssight {

// Records of a batch by signal, and the times they span.
struct BatchSummary {
  // By Signal: rows (with histograms and exemplars), lines, spans. Metadata does not count.
  std::array<std::uint32_t, 3> counts{};
  std::int64_t from_ns = 0;
  std::int64_t to_ns = 0;
};
BatchSummary Summarize(const BatchContents& contents);

struct SpoolRecord {
  std::uint64_t hash = 0;  // XXH3-64 of frame.
  bool tombstone = false;
  std::uint64_t original_hash = 0;  // Of the frame a tombstone stands for; 0: not known.
  BatchSummary summary;
  std::vector<LayoutId> layouts;  // At most 65535; those frame uses.
  std::string_view frame;         // Of the decoded bytes.
};

// hash is set by it. OPS_CHECKs the number of layouts.
std::string EncodeRecord(const SpoolRecord& record);
// kCorrupt where the head is damaged. Does not look at the frame's bytes.
Result<SpoolRecord> DecodeRecord(std::string_view bytes);
bool FrameIsWhole(const SpoolRecord& record);

}  // namespace opssight
