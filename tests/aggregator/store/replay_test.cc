#include "aggregator/store/replay.h"

#include "tests/aggregator/store/store_testing.h"

namespace opssight {
namespace {

using namespace testing_store;  // NOLINT(google-build-using-namespace)

// After a failed commit that is on disk all the same, what is under way is the failed
// group's and the queue's, and only the committer, who replays, can give it back.
TEST(ReplayTest, AResyncDoesNotWaitForWhatOnlyItsCallerCanGiveBack) {
  const TempDir dir;
  const StoreOptions options = SmallOptions(dir.path());
  StoreStats stats;
  std::string set_aside;
  const auto wal = Wal::Open(dir.path(), options.wal_map_bytes, 0, stats, &set_aside);
  ASSERT_TRUE(wal.has_value()) << wal.error().message;
  const IncomingBatch batch = LineBatch("a", 1);
  ASSERT_TRUE((*wal)->Commit({.entries = {{.position = 1, .batch = &batch}}}).has_value());

  ByteBudget budget(10, stats.in_flight_bytes);
  const ByteBudget::Ticket queued = budget.TryTake(10);
  FakeDisk disk;
  FakeSignal signal(&disk);
  ApplyWorkers workers({{StoreSignal::kLogs, &signal}}, 0);
  const Status replayed = Replay(options, **wal, workers, budget, stats, ReplayFor::kResync);
  ASSERT_TRUE(replayed.has_value()) << replayed.error().message;
  workers.WaitIdle();
  EXPECT_EQ(signal.All(), std::multiset<std::string>{"a 1"});
  workers.Stop();
}

}  // namespace
}  // namespace opssight
