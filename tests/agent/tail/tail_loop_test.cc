#include "agent/tail/tail_loop.h"

#include <condition_variable>
#include <future>
#include <mutex>

#include "tests/agent/tail/tail_world.h"
#include "tests/support/null_sink.h"

namespace opssight {
namespace {

// Tells another thread how many lines came.
class WaitingSink final : public NullSink, public PositionReader {
 public:
  void AcceptLogs(LogRows rows, std::vector<Position>) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    lines_ += rows.rows.size();
    changed_.notify_all();
  }
  Result<std::vector<Position>> ReadPositions(std::string_view) const override {
    return std::vector<Position>{};
  }

  bool WaitFor(std::size_t lines) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return lines_ >= lines; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t lines_ = 0;
};

class TailLoopTest : public TailWorld {
 protected:
  template <class Task>
  void OnLoop(Task task) {
    std::promise<void> done;
    loop.Post([&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }
  void StartLoop() {
    OnLoop([this] {
      auto started = TailLoop::Start(loop, Clock::System(), options, waiting, waiting);
      ASSERT_TRUE(started.has_value()) << started.error().message;
      tail = *std::move(started);
    });
  }
  void StopLoop() {
    OnLoop([this] {
      stats_at_end = tail->stats();
      tail.reset();
    });
  }

  WaitingSink waiting;
  TailStats stats_at_end;
  Loop loop{"tail"};
  std::unique_ptr<TailLoop> tail;
};

TEST_F(TailLoopTest, InotifyTellsOfLinesFilesAndDirectories) {
  // No polling in the time a test takes: what is seen, events told.
  options.poll_ms = 1'000;
  options.rescan_ms = 3'600'000;
  options.event_delay_ms = 1;
  Follow({"/var/log/*/*.log"});
  Append("/var/log/a/x.log", "one\n");
  StartLoop();
  ASSERT_TRUE(waiting.WaitFor(1));
  Append("/var/log/a/x.log", "two\n");
  ASSERT_TRUE(waiting.WaitFor(2));
  Append("/var/log/a/y.log", "three\n");
  ASSERT_TRUE(waiting.WaitFor(3));
  Append("/var/log/b/z.log", "four\n");
  ASSERT_TRUE(waiting.WaitFor(4));
  Rename("/var/log/a/x.log", "/var/log/a/x.log.1");
  Append("/var/log/a/x.log", "five\n");
  ASSERT_TRUE(waiting.WaitFor(5));
  StopLoop();
  EXPECT_GT(stats_at_end.dirs_watched, 2U);
  EXPECT_EQ(stats_at_end.lines, 5U);
}

TEST_F(TailLoopTest, PollsWithoutInotify) {
  options.inotify = false;
  options.poll_ms = 1;
  options.rescan_ms = 1;
  Follow({"/var/log/*.log"});
  StartLoop();
  Append("/var/log/a.log", "one\n");
  ASSERT_TRUE(waiting.WaitFor(1));
  Append("/var/log/a.log", "two\n");
  ASSERT_TRUE(waiting.WaitFor(2));
  StopLoop();
  EXPECT_EQ(stats_at_end.dirs_watched, 0U);
}

}  // namespace
}  // namespace opssight
