// Tailer finds the log files of containers and of the configuration, follows each
// through rotation, truncation and deletion, and hands their lines to the sink.
//
//   OPS_TRY(auto tailer, Tailer::Create(options, sink, positions, &watcher));
//   wait_ms = tailer->Tick(now)      // again and again; 0: there is more to do
//   tailer->OnChange(dir, name)      // from the watcher; a hint, Tick() acts on it
//
// What it promises and how files are known: README.md. It knows no loop and no clock;
// tail_loop.h has both. Not thread-safe. Tick() takes a few ms at most (tick_bytes,
// tick_checks), and a scan of all directories each rescan_ms (4 ms for 1,000 files).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/sink/sink.h"
#include "agent/tail/follower.h"
#include "agent/tail/options.h"
#include "common/base/result.h"

namespace opssight {

// Tells of changes in directories, or cannot.
class DirWatcher {
 public:
  virtual ~DirWatcher() = default;
  // False: it cannot (the limit of watches, the file system); the tailer polls then.
  virtual bool Watch(const std::string& dir) = 0;
  virtual void Unwatch(const std::string& dir) = 0;
};

class Tailer {
 public:
  // watcher may be null (polling) and outlives the tailer, as do sink and what options
  // name. Fails for a drop expression that is none, or unreadable positions.
  static Result<std::unique_ptr<Tailer>> Create(TailOptions options, Sink& sink,
                                                const PositionReader& positions,
                                                DirWatcher* watcher);
  ~Tailer();
  Tailer(const Tailer&) = delete;
  Tailer& operator=(const Tailer&) = delete;

  // Does what is due. Answers in how many ms to call again.
  std::int64_t Tick(TailTime now);

  // name in dir was written, made, moved, removed. structure: not only written.
  void OnChange(std::string_view dir, std::string_view name, bool structure);
  // Changes were missed, or the watcher ended: everything is looked at.
  void OnOverflow();

  // Hands over the positions not stored yet. Call before the sink is committed at the end.
  void Flush();

  const TailStats& stats() const { return shared_.stats; }

 private:
  struct Entry {
    std::unique_ptr<Follower> follower;
    std::int64_t backoff_ms = 0;
    bool queued = false;  // In ready_.
    std::size_t index = 0;
  };

  Tailer(TailOptions options, Sink& sink, DirWatcher* watcher);
  void Scan(TailTime now);
  void Consider(const std::string& host_path, const FollowSpec& like, const GlobFound& found,
                TailTime now);
  void ConsiderOlder(const FollowSpec& like, const GlobFound& found,
                     const std::vector<std::string>& globs, TailTime now);
  void Add(FollowSpec spec, const std::string& real_path, TailTime now);
  bool Wanted(const std::string& host_path) const;
  bool IsOlderFile(const std::string& host_path, const GlobFound& found) const;
  void DropIdle();
  void SetWatches(const GlobFound& found);
  void Sweep(TailTime now);
  bool CheckDue(TailTime now);
  void CheckOne(Entry& entry, TailTime now);
  bool ReadReady(TailTime now);
  void FlushPositions(TailTime now);
  void SendPositions(std::vector<Position> positions);
  bool Watched(const Follower& follower) const;

  const TailOptions options_;
  TailShared shared_;
  DirWatcher* const watcher_;
  bool first_start_ = false;

  std::map<std::string, Entry, std::less<>> entries_;  // By host path.
  std::vector<Entry*> order_;                          // Entry::index.
  std::vector<std::int64_t> due_ms_;                   // When to check it; by index.
  std::unordered_map<std::string, Entry*> by_real_;
  std::size_t cursor_ = 0;
  std::deque<Entry*> ready_;
  std::map<std::string, bool> watches_;  // Real directory, whether it is watched.
  std::int64_t scan_due_ms_ = 0;
  std::int64_t scan_not_before_ms_ = 0;
  bool scan_asked_ = false;
  std::int64_t last_tick_ns_ = 0;
  bool scanned_ = false;
  std::int64_t last_scan_ns_ = 0;  // Wall time; before the first: of the last run's end.
  std::int64_t dirty_since_ms_ = -1;
};

}  // namespace opssight
