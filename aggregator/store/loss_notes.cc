#include "aggregator/store/loss_notes.h"

#include <utility>

#include "common/base/log.h"
#include "common/bytes/endian.h"

namespace opssight {
Result<std::unique_ptr<LossNotes>> LossNotes::Open(std::shared_ptr<GuardedEnv> meta) {
  OPS_TRY(MetaTable table, MetaTable::Open(std::move(meta), "losses"));
  OPS_TRY(auto entries, table.List());
  std::unique_ptr<LossNotes> notes(new LossNotes(std::move(table)));
  MutexLock lock(notes->mutex_);
  for (auto& [key, frame] : entries) {
    std::string_view bytes = key;
    notes->last_ = GetBe<std::uint64_t>(bytes).value_or(notes->last_ + 1);
    notes->waiting_.push_back({.number = notes->last_, .frame = std::move(frame)});
  }
  return notes;
}

void LossNotes::Add(std::string frame) {
  std::uint64_t number = 0;
  {
    MutexLock lock(mutex_);
    number = ++last_;
  }
  if (const Status put = table_.Put(BeBytes(number), frame); !put) {
    OPS_LOG_EVERY(60, kError, "store: a loss is noted in memory only: {}", put.error().message);
  }
  Back({.number = number, .frame = std::move(frame)});
}

std::vector<LossNotes::Note> LossNotes::Take() {
  MutexLock lock(mutex_);
  return std::exchange(waiting_, {});
}

void LossNotes::Stored(std::uint64_t number) {
  MutexLock lock(mutex_);
  stored_.push_back(number);
}

void LossNotes::Back(Note note) {
  MutexLock lock(mutex_);
  waiting_.push_back(std::move(note));
}

void LossNotes::CrossOff() {
  std::vector<std::uint64_t> stored;
  {
    MutexLock lock(mutex_);
    stored.swap(stored_);
  }
  for (const std::uint64_t number : stored) {
    if (const auto gone = table_.Delete(BeBytes(number)); !gone) {
      OPS_LOG_EVERY(60, kWarn, "store: a loss that is told stays noted: {}; tried again",
                    gone.error().message);
      Stored(number);
    }
  }
}

std::size_t LossNotes::waiting() const {
  MutexLock lock(mutex_);
  return waiting_.size();
}

}  // namespace opssight
