// What the tests of the store share: batches of numbered lines, a signal in memory
// that can be made to fail or wait, a directory, and submitting with an answer.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "aggregator/store/store.h"
#include "common/base/mutex.h"
#include "common/bytes/hash.h"

namespace opssight::testing_store {

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "opssight-store-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A sound batch of the agent's epoch 1; without an agent, of an own input.
inline IncomingBatch Incoming(const std::string& agent, std::uint64_t seq,
                              const BatchContents& contents) {
  IncomingBatch batch{.agent_id = agent, .epoch = agent.empty() ? 0U : 1U, .seq = seq};
  batch.frame = EncodeBatch(contents, 0);
  batch.hash = Hash64(batch.frame);
  batch.decoded = *DecodedBatch::Decode(batch.frame, {});
  return batch;
}

// A sound batch of one line "<agent> <seq>", made longer by digits that do not compress.
inline IncomingBatch LineBatch(const std::string& agent, std::uint64_t seq, std::size_t padding = 0,
                               std::int64_t time_ns = 1) {
  LogRows rows{.stream = std::make_shared<const Labels>(Labels{{"agent", agent}})};
  std::string line = agent + " " + std::to_string(seq);
  if (padding > line.size()) line += " ";
  std::uint64_t noise = seq;
  while (padding > line.size()) line += std::to_string(noise = Hash64(std::to_string(noise)));
  rows.Add(time_ns, line);
  BatchContents contents;
  contents.logs.push_back(std::move(rows));
  return Incoming(agent, seq, contents);
}

// Waits for the answer: not for the committer's thread.
inline SubmitResult SubmitAndWait(BatchAcceptor& store, IncomingBatch batch) {
  struct Shared {
    Mutex mutex;
    CondVar changed;
    bool there OPS_GUARDED_BY(mutex) = false;
    SubmitResult result OPS_GUARDED_BY(mutex);
  };
  const auto shared = std::make_shared<Shared>();
  store.Submit(std::move(batch), [shared](SubmitResult result) {
    MutexLock lock(shared->mutex);
    shared->result = std::move(result);
    shared->there = true;
    shared->changed.NotifyAll();
  });
  MutexLock lock(shared->mutex);
  while (!shared->there) shared->changed.Wait(shared->mutex);
  return shared->result;
}

inline std::string KindOf(const SubmitResult& result) {
  switch (result.kind) {
    case SubmitResult::Kind::kStored:
      return "stored";
    case SubmitResult::Kind::kDuplicate:
      return "duplicate";
    case SubmitResult::Kind::kOutOfOrder:
      return "expected " + std::to_string(result.expected);
    case SubmitResult::Kind::kError:
      return std::string(ToString(result.error.code));
  }
  return "?";
}

inline std::string SubmitKind(BatchAcceptor& store, IncomingBatch batch) {
  return KindOf(SubmitAndWait(store, std::move(batch)));
}

// What FakeSignal keeps "on disk": lives on over stores.
struct FakeDisk {
  std::map<WalPosition, std::vector<std::string>> days;  // By cut.
};

// A signal in memory. Counts lines and gaps, each as text.
class FakeSignal final : public SignalStore {
 public:
  explicit FakeSignal(FakeDisk* disk) : disk_(disk) {}

  Result<WalPosition> NewestCut() override {
    MutexLock lock(mutex_);
    return disk_->days.empty() ? WalPosition{0} : disk_->days.rbegin()->first;
  }
  Status Recover(WalPosition flushed) override {
    MutexLock lock(mutex_);
    std::erase_if(disk_->days, [flushed](const auto& day) { return day.first > flushed; });
    published_ = flushed;
    return {};
  }
  void Apply(const BatchOrigin& origin, std::shared_ptr<const DecodedBatch> batch) override {
    MutexLock lock(mutex_);
    while (waiting_) changed_.Wait(mutex_);
    EXPECT_GT(origin.position, last_) << "in wal order";
    last_ = origin.position;
    newest_ms_ = origin.newest_ms;
    for (const LogRowsView& rows : batch->logs()) {
      for (std::size_t i = 0; i < rows.times.size(); ++i) head_.emplace_back(rows.Line(i));
    }
    for (const Gap& gap : batch->gaps()) head_.push_back("gap " + gap.stream + ": " + gap.reason);
    for (const HistogramRow& row : batch->histograms()) {
      head_.push_back("histogram " + row.series->PrometheusText());
    }
    for (const MetricMetadata& one : batch->metadata()) head_.push_back("about " + one.name);
  }
  void Freeze(WalPosition cut) override {
    MutexLock lock(mutex_);
    EXPECT_TRUE(frozen_.empty()) << "Freeze, Flush and Publish take turns";
    EXPECT_LE(last_, cut);
    frozen_ = std::move(head_);
    head_.clear();
  }
  Status Flush(WalPosition cut) override {
    MutexLock lock(mutex_);
    while (slow_) changed_.Wait(mutex_);
    if (failing_) return IoError("fake: write", ENOSPC);
    disk_->days[cut] = frozen_;
    return {};
  }
  void Publish(WalPosition cut) override {
    MutexLock lock(mutex_);
    frozen_.clear();
    published_ = cut;
  }
  Status Retain(std::int64_t keep_from_ms, std::uint64_t bytes_max) override {
    MutexLock lock(mutex_);
    retained_ = std::to_string(keep_from_ms) + " " + std::to_string(bytes_max);
    return {};
  }
  std::vector<SignalLoss> TakeLosses() override {
    MutexLock lock(mutex_);
    return std::exchange(losses_, {});
  }
  void Lose(const std::string& reason) {
    MutexLock lock(mutex_);
    losses_.push_back({.from_ms = 1, .to_ms = 2, .reason = reason});
  }
  std::uint64_t disk_bytes() const override { return 0; }
  std::uint64_t head_bytes() const override {
    MutexLock lock(mutex_);
    std::uint64_t bytes = 0;
    for (const std::string& line : head_) bytes += line.size();
    return bytes;
  }

  // What a query would see, sorted.
  std::multiset<std::string> All() const {
    MutexLock lock(mutex_);
    std::multiset<std::string> all(head_.begin(), head_.end());
    all.insert(frozen_.begin(), frozen_.end());
    for (const auto& day : disk_->days) {
      if (day.first <= published_) all.insert(day.second.begin(), day.second.end());
    }
    return all;
  }
  void SetFailing(bool failing) {
    MutexLock lock(mutex_);
    failing_ = failing;
  }
  std::int64_t newest_ms() const {  // That the last batch may bring.
    MutexLock lock(mutex_);
    return newest_ms_;
  }
  void SetSlow(bool slow) {  // A flush that does not end.
    MutexLock lock(mutex_);
    slow_ = slow;
    changed_.NotifyAll();
  }
  void SetWaiting(bool waiting) {
    MutexLock lock(mutex_);
    waiting_ = waiting;
    changed_.NotifyAll();
  }
  std::string retained() const {
    MutexLock lock(mutex_);
    return retained_;
  }

 private:
  FakeDisk* const disk_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> head_ OPS_GUARDED_BY(mutex_);
  std::vector<std::string> frozen_ OPS_GUARDED_BY(mutex_);
  WalPosition last_ OPS_GUARDED_BY(mutex_) = 0;
  WalPosition published_ OPS_GUARDED_BY(mutex_) = 0;
  bool failing_ OPS_GUARDED_BY(mutex_) = false;
  std::int64_t newest_ms_ OPS_GUARDED_BY(mutex_) = 0;
  bool slow_ OPS_GUARDED_BY(mutex_) = false;
  bool waiting_ OPS_GUARDED_BY(mutex_) = false;
  std::vector<SignalLoss> losses_ OPS_GUARDED_BY(mutex_);
  std::string retained_ OPS_GUARDED_BY(mutex_);
};

inline StoreOptions SmallOptions(const std::string& dir) {
  StoreOptions options;
  options.dir = dir;
  options.wal_map_bytes = 16UL << 20;  // Sanitizers leave less address space.
  options.meta_map_bytes = 1UL << 20;
  options.tick_ms = 5;
  options.metrics = options.logs = options.spans = options.gaps = {};
  return options;
}

}  // namespace opssight::testing_store
