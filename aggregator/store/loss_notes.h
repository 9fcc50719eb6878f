// LossNotes keeps the gap records of what the store itself lost until they are in the wal, in
// meta.mdb (table "losses": number u64 BE -> frame of the record's batch), so that a crash
// before that forgets none. One that was stored and not yet crossed off is told again by the
// next start. A meta.mdb that cannot be written is logged; the note is then in memory only.
// Any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "aggregator/store/meta_table.h"
#include "common/base/mutex.h"

namespace opssight {

class LossNotes {
 public:
  struct Note {
    std::uint64_t number = 0;
    std::string frame;
  };
  // With what an earlier process did not get to tell.
  static Result<std::unique_ptr<LossNotes>> Open(std::shared_ptr<GuardedEnv> meta);

  void Add(std::string frame) OPS_EXCLUDES(mutex_);
  // Those to be told; each then becomes Stored, or comes Back to be taken again.
  std::vector<Note> Take() OPS_EXCLUDES(mutex_);
  void Stored(std::uint64_t number) OPS_EXCLUDES(mutex_);  // Does not write: CrossOff does.
  void Back(Note note) OPS_EXCLUDES(mutex_);
  void CrossOff() OPS_EXCLUDES(mutex_);
  std::size_t waiting() const OPS_EXCLUDES(mutex_);

 private:
  explicit LossNotes(MetaTable table) : table_(std::move(table)) {}

  MetaTable table_;
  mutable Mutex mutex_;
  std::uint64_t last_ OPS_GUARDED_BY(mutex_) = 0;
  std::vector<Note> waiting_ OPS_GUARDED_BY(mutex_);
  std::vector<std::uint64_t> stored_ OPS_GUARDED_BY(mutex_);
};

}  // namespace opssight
