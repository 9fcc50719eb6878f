// The same heart with its real disks: Spool and Store in files, opened again after
// each "crash", AgentSession and SessionTable between them. Slower than the
// simulation and not repeatable to the last step (the store has threads); it shows
// that the parts mean the same by their contract.
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "agent/ship/agent_session.h"
#include "agent/spool/spool.h"
#include "aggregator/ingest/session_table.h"
#include "aggregator/store/store.h"
#include "common/base/mutex.h"
#include "common/base/random.h"
#include "tests/support/temp_dir.h"

namespace opssight::sim {
namespace {

// A signal whose "days" are this object: what was flushed outlives the Store. It
// keeps the records of its signal, or the counts of gaps.
class Collector final : public SignalStore {
 public:
  explicit Collector(StoreSignal signal) : signal_(signal) {}

  Status Recover(WalPosition flushed) override {
    const MutexLock lock(mutex_);
    values_.erase(values_.upper_bound(flushed), values_.end());
    return {};
  }
  void Apply(const BatchOrigin& origin, std::shared_ptr<const DecodedBatch> batch) override {
    const MutexLock lock(mutex_);
    std::vector<std::uint64_t>& values = values_[origin.position];
    if (signal_ == StoreSignal::kLogs) {
      for (const LogRowsView& rows : batch->logs()) {
        for (std::size_t i = 0; i < rows.times.size(); ++i) {
          values.push_back(std::strtoull(std::string(rows.Line(i)).c_str(), nullptr, 10));
        }
      }
    } else if (signal_ == StoreSignal::kMetrics) {
      for (const MetricRowsView& rows : batch->metrics()) {
        for (const double value : rows.values) values.push_back(static_cast<std::uint64_t>(value));
      }
    } else {
      for (const Gap& gap : batch->gaps()) values.push_back(gap.count);
    }
  }
  void Freeze(WalPosition /*cut*/) override {}
  Status Flush(WalPosition /*cut*/) override { return {}; }
  void Publish(WalPosition /*cut*/) override {}
  Status Retain(std::int64_t /*keep_from_ms*/, std::uint64_t /*bytes_max*/) override { return {}; }
  std::uint64_t disk_bytes() const override { return 0; }
  std::uint64_t head_bytes() const override { return 0; }

  std::vector<std::uint64_t> Values() const {
    const MutexLock lock(mutex_);
    std::vector<std::uint64_t> all;
    for (const auto& [position, values] : values_) {
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  }

 private:
  const StoreSignal signal_;
  mutable Mutex mutex_;
  std::map<WalPosition, std::vector<std::uint64_t>> values_ OPS_GUARDED_BY(mutex_);
};

class OneAgent final : public EnrolAuthority {
 public:
  Result<Enrolment> Enrol(const EnrolRequest& /*request*/) override { return Invalid("no"); }
  Result<Enrolment> Renew(const std::string& /*id*/, std::string_view /*csr*/) override {
    return Invalid("no");
  }
  AgentCheck Check(const std::string& /*id*/, std::string_view /*fingerprint*/) override {
    return {.epoch = epoch_};
  }
  Result<std::uint64_t> NewEpoch(const std::string& /*id*/) override { return ++epoch_; }

 private:
  std::uint64_t epoch_ = 1;
};

struct Wire final : SessionLink {
  void Write(std::string bytes) override { down += bytes; }
  void Pause() override { paused = true; }
  void Resume() override { paused = false; }
  void CloseAfterWrites() override { closes = true; }
  std::string up, down;
  bool paused = false;
  bool closes = false;
};

class RealHeart {
 public:
  explicit RealHeart(std::uint64_t seed) : random_(seed) {
    OpenSpool();
    OpenStore();
  }
  ~RealHeart() {
    table_.reset();
    store_->Stop();
  }

  void Run(int rounds, bool restores) {
    for (int i = 0; i < rounds; ++i) {
      Append(1 + random_.Below(4));
      Exchange(static_cast<int>(random_.Below(12)));
      Fail(random_.Below(restores ? 8 : 6));
    }
    // The limit is only for a test that would hang.
    const std::int64_t limit_ms = now_ms() + 60'000;
    while (spool_->totals().batches > 0 && now_ms() < limit_ms) Exchange(4);
    EXPECT_EQ(spool_->totals().batches, 0U) << "did not come to rest";
    store_->WaitApplied();
  }

  void Check(bool restores) const {
    std::map<std::uint64_t, int> there;
    for (const std::uint64_t record : logs_.Values()) ++there[record];
    for (const std::uint64_t record : metrics_.Values()) ++there[record];
    for (const auto& [record, times] : there) EXPECT_EQ(times, 1) << "record " << record;
    std::uint64_t missing = 0, gaps = 0;
    for (const std::uint64_t record : required_) missing += there.contains(record) ? 0 : 1;
    for (const std::uint64_t count : gaps_.Values()) gaps += count;
    EXPECT_LE(missing, gaps);
    EXPECT_TRUE(restores || gaps == 0) << gaps;
  }

 private:
  static std::int64_t now_ms() { return Clock::System().SteadyMs(); }

  void OpenSpool() {
    session_.reset();
    spool_.reset();
    auto spool = Spool::Open({.path = dir_ / "spool.mdb", .bytes_max = 64 << 20}, clock_);
    ASSERT_TRUE(spool.has_value()) << spool.error().message;
    spool_ = *std::move(spool);
    session_ = std::make_unique<AgentSession>(AgentSessionOptions{.backlog_batches_min = 4},
                                              *spool_, ship_);
  }

  void OpenStore() {
    Disconnect("the aggregator died");
    table_.reset();
    store_.reset();
    {
      const MutexLock lock(mutex_);
      completions_.clear();
    }
    auto store = Store::Open({.dir = dir_.path(),
                              .wal_map_bytes = 256 << 20,
                              .meta_map_bytes = 16 << 20,
                              .disk_reserve_bytes = 0,
                              .disk_reserve_share = 0});
    ASSERT_TRUE(store.has_value()) << store.error().message;
    store_ = *std::move(store);
    const Status started = store_->Start({{StoreSignal::kMetrics, &metrics_},
                                          {StoreSignal::kLogs, &logs_},
                                          {StoreSignal::kGaps, &gaps_}});
    ASSERT_TRUE(started.has_value()) << started.error().message;
    table_ = std::make_unique<SessionTable>(
        SessionOptions{.window_batches = 8},
        SessionTable::Parts{.acceptor = *store_,
                            .authority = authority_,
                            .layouts = layouts_,
                            .stats = ingest_,
                            .clock = clock_,
                            .post =
                                [this](Completion completion) {
                                  const MutexLock lock(mutex_);
                                  completions_.push_back(std::move(completion));
                                },
                            .on_end = {}});
  }

  void Append(std::uint64_t batches) {
    std::vector<SpoolWrite> writes;
    for (; batches > 0; --batches) {
      BatchContents contents;
      contents.logs.push_back({.stream = stream_});
      contents.logs.back().Add(1, std::to_string(Make()));
      contents.metrics.push_back(
          {.layout = layout_, .time_ms = 1, .values = {static_cast<double>(Make())}});
      writes.push_back({.id = last_record_,
                        .frame = EncodeBatch(contents, 0),
                        .summary = Summarize(contents),
                        .layouts = {layout_}});
    }
    ASSERT_TRUE(spool_->Write(writes).has_value());
  }
  std::uint64_t Make() {
    required_.insert(++last_record_);
    return last_record_;
  }

  void Disconnect(const std::string& why) {
    if (wire_ == nullptr) return;
    if (table_ != nullptr) table_->Closed(connection_, why, now_ms());
    wire_.reset();
    session_->Closed();
  }

  void Exchange(int turns) {
    for (; turns > 0; --turns) {
      ASSERT_TRUE(spool_->Write({}).has_value());  // What is queued.
      if (wire_ == nullptr && !session_->rebasing()) {
        wire_ = std::make_unique<Wire>();
        table_->Open(++connection_,
                     {.certificate = SessionPeer::Certificate::kVerified, .agent_id = "a"}, *wire_,
                     now_ms());
        session_->Opened(now_ms());
      }
      table_->Tick(now_ms());
      std::vector<Completion> completions;
      {
        const MutexLock lock(mutex_);
        completions.swap(completions_);
      }
      table_->Complete(std::move(completions), now_ms());
      if (wire_ != nullptr) MoveBytes();
      std::this_thread::yield();
    }
  }

  void MoveBytes() {
    wire_->up += session_->Produce(now_ms(), wire_->up.size());
    if (session_->TakeEnd()) return Disconnect("the agent says Bye");
    if (!wire_->paused && !wire_->up.empty()) {
      const std::string piece = wire_->up.substr(0, 1 + random_.Below(wire_->up.size()));
      wire_->up.erase(0, piece.size());
      table_->Bytes(connection_, piece, now_ms());
    }
    session_->OnBytes(std::exchange(wire_->down, {}), now_ms());
    if (wire_->closes) Disconnect("the aggregator says Bye");
  }

  void Fail(std::uint64_t which) {
    switch (which) {
      case 0:
      case 1:
        return Disconnect("cut");
      case 2:
        Disconnect("the agent died");
        return OpenSpool();
      case 3:
        if (random_.Below(3) == 0) OpenStore();
        return;
      case 6:
        if (spool_->epoch() == 0) return;
        copied_ = required_;
        std::filesystem::copy_file(dir_ / "spool.mdb", dir_ / "copy",
                                   std::filesystem::copy_options::overwrite_existing);
        return;
      case 7:
        return Restore();
      default:
        return;
    }
  }

  void Restore() {
    if (!std::filesystem::exists(dir_ / "copy")) return;
    Disconnect("restored");
    session_.reset();
    spool_.reset();
    // The old file stays, or its inode would be used again and the copy not be noticed.
    std::filesystem::rename(dir_ / "spool.mdb", dir_ / fmt::format("old-{}", last_record_));
    std::filesystem::copy_file(dir_ / "copy", dir_ / "spool.mdb");
    required_ = copied_;
    OpenSpool();
  }

  const TempDir dir_;
  FakeClock clock_;
  Random random_;
  std::shared_ptr<const Labels> stream_ = std::make_shared<const Labels>(Labels{{"job", "sim"}});
  std::shared_ptr<const Layout> layout_ = std::make_shared<const Layout>(
      std::vector<LayoutSeries>{{.labels = Labels{{"__name__", "record"}}}});
  ShipStats ship_;
  IngestStats ingest_;
  OneAgent authority_;
  LayoutRegistry layouts_;
  Collector logs_{StoreSignal::kLogs};
  Collector metrics_{StoreSignal::kMetrics};
  Collector gaps_{StoreSignal::kGaps};
  Mutex mutex_;
  std::vector<Completion> completions_ OPS_GUARDED_BY(mutex_);
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<AgentSession> session_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<SessionTable> table_;
  std::unique_ptr<Wire> wire_;
  std::uint64_t connection_ = 0;
  std::uint64_t last_record_ = 0;
  std::set<std::uint64_t> required_, copied_;
};

void RunSeeds(std::uint64_t seeds, bool restores) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE(seed);
    RealHeart heart(seed);
    heart.Run(40, restores);
    heart.Check(restores);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(RealHeartTest, EveryRecordIsStoredOnceThroughCutsAndRestarts) {
  RunSeeds(4, false);
}

TEST(RealHeartTest, RestoredSpoolsNeitherRepeatNorHideAnything) {
  RunSeeds(6, true);
}

}  // namespace
}  // namespace opssight::sim
