// DayFiles: the environments of one signal, a file for each UTC day, and the keys
// (cut, number) of what a flush writes into them. Cuts above the one that the wal
// recorded are leftovers of a crash; Recover deletes them. On a full disk it cannot:
// then readers leave them out (ValidUpTo), and the next flush deletes them first.
//
// An environment opens when it is first needed and stays open until its day is
// dropped (LMDB allows a file to be open once in a process). Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/store/days/day.h"
#include "aggregator/store/signal_store.h"
#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/lmdb/env.h"

namespace opssight {

struct DayFilesOptions {
  std::string dir;
  char prefix = 'x';
  std::size_t map_bytes = 64UL << 30;  // Of one day.
  std::size_t transaction_bytes_max = 4UL << 20;
};

class DayFiles {
 public:
  static constexpr const char* kTable = "blocks";

  explicit DayFiles(DayFilesOptions options) : options_(std::move(options)) {}

  // Makes the folder, lists the days, deletes what has a cut above flushed.
  Status Recover(WalPosition flushed);
  // Deletes what Recover could not. To be called before a flush writes.
  Status DropLeftovers();
  // Entries of the day with a higher cut are leftovers.
  WalPosition ValidUpTo(DayNumber day) const;

  // Null: there is no such day.
  Result<std::shared_ptr<Env>> Open(DayNumber day);

  // Writes values 0 … count-1 under (cut, i), in transactions of about
  // transaction_bytes_max. Writing the same again changes nothing.
  Status Write(DayNumber day, WalPosition cut, std::size_t count,
               const std::function<std::string_view(std::size_t)>& value);

  // The same for values with numbers of the caller's choice. No values: makes the day.
  struct Numbered {
    std::uint32_t number = 0;
    std::string_view value;
  };
  Status WriteNumbered(DayNumber day, WalPosition cut, const std::vector<Numbered>& values);

  // Unlinks the file. A reader that has the environment reads on.
  void Drop(DayNumber day);

  std::vector<DayNumber> Days() const;
  std::map<DayNumber, std::uint64_t> BytesOfDays() const;
  std::uint64_t disk_bytes() const;
  std::string Path(DayNumber day) const;
  // Files that were no database any more, and moved aside to <name>.bad.
  std::uint64_t bad_days() const { return bad_days_.load(std::memory_order_relaxed); }

  static std::string Key(WalPosition cut, std::size_t number);
  static WalPosition CutOf(std::string_view key);  // The largest for a key too short.

 private:
  Result<std::shared_ptr<Env>> OpenOrMake(DayNumber day);
  Status DropAbove(Env& env, WalPosition flushed) const;
  Status MoveAside(DayNumber day, const Error& why);

  const DayFilesOptions options_;
  std::atomic<std::uint64_t> bad_days_{0};
  mutable Mutex mutex_;
  std::map<DayNumber, std::shared_ptr<Env>> days_ OPS_GUARDED_BY(mutex_);  // Null: not open.
  std::map<DayNumber, WalPosition> leftovers_ OPS_GUARDED_BY(mutex_);      // Above which cut.
};

}  // namespace opssight
