// SpoolView is what shipping needs of the spool: which batches wait, their bytes,
// and to say what became of them. It stands apart from Spool so that the session
// can be tested and simulated over one in memory.
//
// Batches of one epoch are numbered from 1 without holes. A batch is live from
// its commit until its acknowledgement. A tombstone is a batch whose records had
// to go (spool full, bytes damaged, refused by the aggregator): the same number,
// other bytes that hold gap records only.
//
// The loop's thread, all of it; reads are short. What changes the spool is queued
// for the thread that writes it and durable with its next transaction; done calls
// come back on the loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/model/record.h"

namespace opssight {

struct SeqRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // Inclusive.
  bool operator==(const SeqRange&) const = default;
};

struct SpooledBatch {
  std::uint64_t seq = 0;
  std::uint64_t hash = 0;  // Hash64(frame).
  std::string frame;
  std::vector<LayoutId> layouts;  // Those that it uses.
  bool tombstone = false;
};

// How to go over to a new epoch, decided by the session from what the aggregator
// has of the old one. One transaction: it happened or it did not.
struct StoredRun {
  std::uint64_t first = 0;
  std::uint64_t last = 0;       // Inclusive.
  std::uint64_t last_hash = 0;  // Hash64 of the bytes of batch `last`, as stored.
  bool operator==(const StoredRun&) const = default;
};

struct RebaseOrder {
  std::uint64_t new_epoch = 0;
  std::string agent_id;  // Whose epoch it is.
  // What the aggregator has of the old epoch. A live batch among these is
  //  - dropped, stored already, when seq <= proven_through (same bytes there), or
  //    where the spool can prove it otherwise;
  //  - kept, when seq >= sure_from (it was never sent, so the number means another
  //    batch there);
  //  - else replaced by gap records, "state restored from a copy": whether these
  //    bytes or others were stored under that number cannot be known.
  std::vector<StoredRun> stored;
  std::uint64_t proven_through = 0;
  std::uint64_t sure_from = 0;
  // Another copy of this state has sent batches under a later epoch: `stored` then
  // stands for what may be stored, under whatever number, and proves nothing.
  bool used_since = false;
  // Batches acknowledged once and no longer there (the aggregator was restored from
  // a copy): one gap record with this count, when not 0.
  std::uint64_t lost = 0;
  // All that is left, gap records first, is numbered anew from 1.
};

class SpoolView {
 public:
  using Done = std::function<void(Status)>;

  virtual ~SpoolView() = default;

  virtual std::uint64_t epoch() const = 0;  // 0: none yet.
  // The agent that epoch and numbers are of; "": not known. Another than ours where this
  // host enrolled again.
  virtual std::string agent_id() const { return {}; }
  // The numbers may be another spool's too (a new, unreadable or copied file): a new
  // epoch is to be asked for, and nothing sent before Rebase.
  virtual bool wants_epoch() const = 0;
  virtual std::uint64_t next_seq() const = 0;  // Of the next batch; 1 when none was yet.
  // Live batches, ascending, ranges not adjacent.
  virtual std::vector<SeqRange> Ranges() const = 0;
  struct Totals {
    std::uint64_t batches = 0;
    std::uint64_t bytes = 0;
  };
  virtual Totals totals() const = 0;  // Of the live batches.

  // Live batches from the first one with number >= seq, in order, up to bytes_max
  // but at least one when there is one. Stops before a damaged one; kCorrupt when
  // that is the first, whose number *damaged then says. kUnavailable: not at this moment
  // (it is being dropped, or the file opened anew); ask again.
  virtual Result<std::vector<SpooledBatch>> ReadFrom(std::uint64_t seq, std::size_t bytes_max,
                                                     std::uint64_t* damaged) const = 0;
  // An EncodeLayout frame. kNotFound: damaged or gone.
  virtual Result<std::string> ReadLayout(const LayoutId& id) const = 0;
  // Whether batch seq has this hash, or had it before it became a tombstone. None:
  // not live, or that is not known any more.
  virtual std::optional<bool> HadHash(std::uint64_t seq, std::uint64_t hash) const = 0;

  // These are durable at the aggregator. Numbers that are not live are passed over.
  virtual void Remove(std::vector<SeqRange> acked) = 0;
  // Makes a live batch a tombstone; done once the new bytes can be read.
  virtual void Replace(std::uint64_t seq, std::string reason, Done done) = 0;
  virtual void Rebase(RebaseOrder order, Done done) = 0;
};

}  // namespace opssight
