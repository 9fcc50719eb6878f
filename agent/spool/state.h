// What a spool knows of itself beside the batches: which are there, how they
// are numbered, which are tombstones. Encode() is the value of the row "state",
// written in the same transaction as the batches; README.md has the widths.
//
// A batch stands in the table under a *key* that never changes and is sent under a
// *seq*. The two are the same until a new epoch numbers what is left from 1 again:
// Renumber() then moves no bytes, it notes where which run of keys starts.
// Values; no thread of their own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/spool/range_set.h"
#include "common/base/result.h"

namespace opssight {

class Numbering {
 public:
  std::uint64_t next_key() const { return next_key_; }
  std::uint64_t next_seq() const { return SeqOf(next_key_); }
  // The key of a new batch.
  std::uint64_t Take() { return next_key_++; }

  // For keys that are live or next_key().
  std::uint64_t SeqOf(std::uint64_t key) const;
  // The keys that seqs have or had; seqs that were never given out have none.
  std::vector<SeqRange> KeysOf(SeqRange seqs) const;
  std::optional<std::uint64_t> KeyOf(std::uint64_t seq) const;

  // Numbers the live keys from 1, in order, and what comes after them on.
  void Renumber(const RangeSet& live);

  void Encode(std::string& out) const;
  static Result<Numbering> Decode(std::string_view& bytes);
  bool operator==(const Numbering&) const = default;

 private:
  // From key on, the seq is seq + (key' - key), up to the next segment. Ascending in both.
  struct Segment {
    std::uint64_t key = 1;
    std::uint64_t seq = 1;
    bool operator==(const Segment&) const = default;
  };
  std::uint64_t next_key_ = 1;
  std::vector<Segment> segments_ = {Segment{}};  // Never empty.
};

struct SpoolState {
  std::uint64_t epoch = 0;       // 0: never had one.
  bool wants_epoch = true;       // The numbers in use may be another spool's too.
  std::uint64_t fork_key = 1;    // Keys from here on were given after that became so; 0: never.
  std::uint64_t file_inode = 0;  // Of the file this was written to: another one is a copy.
  std::string agent_id;          // Whose epoch it is; "": not known.
  Numbering numbering;
  RangeSet tombs;  // Keys of tombstones; one without a row in the table is empty.

  // Not encoded: found from the tables at opening.
  RangeSet live;  // Keys not yet acknowledged, tombs included.
  std::uint64_t batch_bytes = 0;
  std::uint64_t tomb_bytes = 0;
  std::uint64_t layout_bytes = 0;
  std::uint64_t bytes() const { return batch_bytes + tomb_bytes + layout_bytes; }

  std::string Encode() const;
  static Result<SpoolState> Decode(std::string_view bytes);
};

}  // namespace opssight
