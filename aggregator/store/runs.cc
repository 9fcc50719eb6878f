#include "aggregator/store/runs.h"

#include <algorithm>
#include <limits>

#include "common/base/check.h"
#include "common/bytes/endian.h"

namespace opssight {

RunSet::Answer RunSet::Accept(std::uint64_t seq, std::uint64_t hash) {
  OPS_CHECK(seq > 0, "batches are numbered from 1");
  // after: the first run that begins behind seq; before: the one that may hold it.
  const auto after = std::upper_bound(
      runs_.begin(), runs_.end(), seq,
      [](std::uint64_t value, const CommittedRun& run) { return value < run.first; });
  const bool has_before = after != runs_.begin();
  if (has_before && seq <= (after - 1)->last) {
    const CommittedRun& run = *(after - 1);
    const bool conflict = seq == run.last && hash != run.last_hash;
    return {.verdict = conflict ? Verdict::kConflict : Verdict::kDuplicate};
  }
  const bool extends = has_before && (after - 1)->last + 1 == seq;
  const bool precedes = after != runs_.end() && after->first == seq + 1;
  if (extends && precedes) {
    (after - 1)->last = after->last;
    (after - 1)->last_hash = after->last_hash;
    runs_.erase(after);
  } else if (extends) {
    (after - 1)->last = seq;
    (after - 1)->last_hash = hash;
  } else if (precedes) {
    after->first = seq;
  } else if (runs_.size() < runs_max_) {
    runs_.insert(after, {.first = seq, .last = seq, .last_hash = hash});
  } else {
    return {.verdict = Verdict::kOutOfOrder, .expected = runs_.front().last + 1};
  }
  return {};
}

std::string RunSet::Encode() const {
  std::string bytes;
  PutLe(bytes, static_cast<std::uint16_t>(runs_.size()));
  for (const CommittedRun& run : runs_) {
    PutLe(bytes, run.first);
    PutLe(bytes, run.last);
    PutLe(bytes, run.last_hash);
  }
  return bytes;
}

Result<RunSet> RunSet::Decode(std::string_view bytes, std::size_t runs_max) {
  RunSet set(runs_max);
  const auto count = GetLe<std::uint16_t>(bytes);
  if (!count || *count > runs_max || bytes.size() != *count * 3 * sizeof(std::uint64_t)) {
    return Corrupt("agent's runs: wrong size");
  }
  for (std::uint16_t i = 0; i < *count; ++i) {
    const CommittedRun run{.first = *GetLe<std::uint64_t>(bytes),
                           .last = *GetLe<std::uint64_t>(bytes),
                           .last_hash = *GetLe<std::uint64_t>(bytes)};
    const std::uint64_t before = set.runs_.empty() ? 0 : set.runs_.back().last;
    const bool apart = run.first > before && (set.runs_.empty() || run.first > before + 1);
    if (!apart || run.last < run.first || run.last == std::numeric_limits<std::uint64_t>::max()) {
      return Corrupt("agent's runs: not ascending");
    }
    set.runs_.push_back(run);
  }
  return set;
}

}  // namespace opssight
