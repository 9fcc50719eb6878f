// PositionBook is the checkpoints of all files: those of the last run, and those to be
// handed to the sink with the next rows. What is taken together is stored together, so a
// change of several files (a rotation) is never half there after a crash.
// Belongs to the tailer.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/sink/sink.h"
#include "agent/tail/checkpoint.h"

namespace opssight {

class PositionBook {
 public:
  // Takes what the last run left. Bytes that are no checkpoint are counted, and kept as
  // one of offset 0 would be: the file was known, but not how far.
  void Load(const std::vector<Position>& positions, std::uint64_t* bad);

  const Checkpoint* Find(const FileId& id) const;
  std::vector<std::pair<FileId, Checkpoint>> OfPath(std::uint64_t path_hash) const;
  void Set(const FileId& id, const Checkpoint& checkpoint);
  void Forget(const FileId& id);

  // Wall time of the last taking, of this run or the last: the tailer was alive then.
  std::int64_t alive_ns() const { return alive_ns_; }
  bool dirty() const { return !dirty_.empty(); }
  std::vector<Position> TakeDirty(std::int64_t wall_ns);
  // All of them and the time, at the end of a run.
  std::vector<Position> TakeLast(std::int64_t wall_ns);

  // A scan saw the file, or has it open. What two scans in a row did not see is
  // forgotten by Sweep, which answers those that were not read to their known end.
  void Saw(const FileId& id);
  std::vector<std::pair<FileId, Checkpoint>> Sweep();

 private:
  struct Entry {
    Checkpoint checkpoint;
    int unseen = 0;  // Scans.
  };
  std::map<FileId, Entry> entries_;
  std::set<std::pair<std::uint64_t, FileId>> by_path_;  // Of entries_.
  std::int64_t alive_ns_ = 0;
  std::map<FileId, bool> dirty_;  // Whether it is to be stored, or forgotten.
};

}  // namespace opssight
