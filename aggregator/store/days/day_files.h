// DayFiles: the environments of one signal, a file for each UTC day, and the keys
// (cut, number) of what a flush writes into them. Cuts above the one that the wal
// recorded are leftovers of a crash; Recover deletes them. On a full disk it cannot:
// then readers leave them out (ValidUpTo), and the next flush deletes them first.
//
// A file that is no database any more, at the start or later, is moved aside and told by
// TakeLosses; a write that met it fails with kUnavailable, and the whole flush is to be
// tried again: what it wrote to that day before went with the file.
//
// An environment opens when it is needed. Of those that nobody uses the most recently
// used stay open, up to open_max in all: records may be of any days, and every open one
// costs two file descriptors and map_bytes of address space. (LMDB allows a file to be
// open once in a process, so one in use is never closed.) Any thread.
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
  std::size_t open_max = 64;  // Environments open at once, unless more are in use.
  // Free bytes of a folder's file system. Empty: it is asked.
  std::function<std::uint64_t(const std::string& dir)> free_bytes;
};

class DayFiles {
 public:
  static constexpr const char* kTable = "blocks";

  explicit DayFiles(DayFilesOptions options) : options_(std::move(options)) {}

  // The newest cut in any of the days; 0: there is none. Before Recover.
  Result<WalPosition> NewestCut() const;
  // Makes the folder, lists the days, deletes what has a cut above flushed. see, where
  // there is one, then looks into each day.
  using See = std::function<Status(DayNumber day, Env& env)>;
  Status Recover(WalPosition flushed, const See& see = {});
  // Deletes what Recover could not. To be called before a flush writes.
  Status DropLeftovers();
  // Entries of the day with a higher cut are leftovers.
  WalPosition ValidUpTo(DayNumber day) const;

  // Null: there is no such day (any more).
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
  // The same into an environment that is no day's yet.
  Status WriteInto(Env& env, WalPosition cut, const std::vector<Numbered>& values) const;

  // An empty environment beside the day's file (<name>.seal), to take its place. What a
  // crash leaves of it is removed by the next, and by Recover.
  Result<std::unique_ptr<Env>> MakeReplacement(DayNumber day) const;
  // Puts it there; SyncNames is to follow. False: the day was dropped meanwhile, and the
  // replacement is gone. Nobody may write to the day meanwhile; readers that have the
  // environment read on in the old one. Where it fails, the day is what it was.
  Result<bool> Replace(DayNumber day, std::unique_ptr<Env> replacement);
  // After it the names of files are as durable as what is in them; until it succeeds,
  // writing fails.
  Status SyncNames();
  static void DropReplacement(std::unique_ptr<Env> replacement);

  // The error of a flush that could not read what it needs of the day, or write to it: for
  // kCorrupt the file is moved aside first.
  Status Failed(DayNumber day, const Error& why);

  // Puts a copy without free pages in the file's place: gives back what was deleted from
  // it, and makes it no other's where it was hard-linked. Nobody may write to the day
  // meanwhile; readers that have the environment read on in the old one. kExhausted: there is
  // no room for it; nothing was written. Where it fails, the day is what it was.
  Status Rewrite(DayNumber day);
  // Whether the file has another name (a snapshot's): then Rewrite before writing.
  bool IsLinked(DayNumber day) const;
  // A second name for the file, or where copy is set a copy of it, in dir. Nobody may write
  // meanwhile.
  Status SnapshotInto(const std::string& dir, DayNumber day, bool copy);

  // Unlinks the file. A reader that has the environment reads on.
  void Drop(DayNumber day);

  std::vector<DayNumber> Days() const;
  std::map<DayNumber, std::uint64_t> BytesOfDays() const;
  std::uint64_t disk_bytes() const;
  std::string Path(DayNumber day) const;
  // The days of those that were moved aside since the last call.
  std::vector<DayNumber> TakeMoved();
  // Files that were no database any more, and moved aside to <name>.bad (.bad-2, …).
  std::uint64_t bad_days() const { return bad_days_.load(); }
  // Those since the last call.
  std::vector<SignalLoss> TakeLosses();

  static std::string Key(WalPosition cut, std::size_t number);
  static WalPosition CutOf(std::string_view key);  // The largest for a key too short.

 private:
  struct Day {
    std::shared_ptr<Env> env;  // Null: not open.
    std::uint64_t used = 0;
    bool failed = false;  // A write did: LMDB may take no more until it is opened anew.
  };

  Result<std::shared_ptr<Env>> OpenOrMake(DayNumber day);
  Result<std::shared_ptr<Env>> OpenLocked(DayNumber number, Day& day) OPS_REQUIRES(mutex_);
  void Close(Day& day) OPS_REQUIRES(mutex_);
  void CloseIdle() OPS_REQUIRES(mutex_);
  Result<bool> PutInPlace(DayNumber day, const std::string& file);
  // Removes what a crash left beside them, too.
  Result<std::vector<DayNumber>> ListDays() const;
  Status DropAbove(Env& env, WalPosition flushed) const;
  Status CheckRoom(DayNumber day, Env& env) const;
  Status MoveAside(DayNumber day, const Error& why);
  Status MoveAsideLocked(DayNumber day, const Error& why) OPS_REQUIRES(mutex_);

  const DayFilesOptions options_;
  std::atomic<std::uint64_t> bad_days_{0};
  std::atomic<bool> names_unsynced_{false};
  mutable Mutex mutex_;
  std::map<DayNumber, Day> days_ OPS_GUARDED_BY(mutex_);
  std::map<DayNumber, WalPosition> leftovers_ OPS_GUARDED_BY(mutex_);  // Above which cut.
  std::vector<SignalLoss> losses_ OPS_GUARDED_BY(mutex_);
  std::vector<DayNumber> moved_ OPS_GUARDED_BY(mutex_);
  std::size_t open_ OPS_GUARDED_BY(mutex_) = 0;  // Days with an env.
  std::uint64_t uses_ OPS_GUARDED_BY(mutex_) = 0;
};

}  // namespace opssight
