// RunSet is the memory behind exactly-once: which batches of one (agent, epoch)
// are durable, as at most runs_max runs of consecutive sequence numbers, and the
// rule by which the next one is stored, is a duplicate, or comes too early.
//
//   RunSet runs;
//   const RunSet::Answer answer = runs.Accept(seq, hash);
//   if (answer.verdict == RunSet::Verdict::kStore) …write the batch and runs…
//
// A lane of an agent is a run being extended: after an outage fresh batches open
// a run and the backlog extends the oldest one, until both meet and merge.
// A value; not thread-safe. Accept costs a binary search of at most runs_max.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace opssight {

struct CommittedRun {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t last_hash = 0;  // Hash64 of the bytes of batch `last`.
  bool operator==(const CommittedRun&) const = default;
};

class RunSet {
 public:
  static constexpr std::size_t kRunsMax = 16;

  enum class Verdict : std::uint8_t {
    kStore,       // New, and now part of the set.
    kDuplicate,   // In a run already.
    kConflict,    // The same, but the last of its run had other bytes.
    kOutOfOrder,  // Would open a run too many.
  };
  struct Answer {
    Verdict verdict = Verdict::kStore;
    std::uint64_t expected = 0;  // kOutOfOrder: what extends the lowest run.
  };

  explicit RunSet(std::size_t runs_max = kRunsMax) : runs_max_(runs_max) {}

  // seq > 0.
  Answer Accept(std::uint64_t seq, std::uint64_t hash);
  const std::vector<CommittedRun>& runs() const { return runs_; }
  // Ascending and never adjacent.

  // A value for the database: u16 LE count, then first, last, last_hash (u64 LE) each.
  std::string Encode() const;
  static Result<RunSet> Decode(std::string_view bytes, std::size_t runs_max = kRunsMax);

 private:
  std::size_t runs_max_;
  std::vector<CommittedRun> runs_;
};

}  // namespace opssight
