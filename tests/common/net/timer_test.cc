#include "common/net/timer.h"

#include <future>
#include <memory>

#include <gtest/gtest.h>

namespace opssight {
namespace {

TEST(TimerTest, RepeatsUntilStopped) {
  Loop loop("test");
  auto timer = std::make_unique<Timer>(loop);
  std::promise<int> done;
  int calls = 0;
  loop.Post([&] {
    timer->Start(0, 1, [&] {
      if (++calls < 3) return;
      timer->Stop();
      EXPECT_FALSE(timer->active());
      done.set_value(calls);
    });
    EXPECT_TRUE(timer->active());
  });
  EXPECT_EQ(done.get_future().get(), 3);
  loop.RunSync([&] { timer.reset(); });
}

TEST(TimerTest, MayBeStartedAnewAndDestroyedInItsOwnFunction) {
  Loop loop("test");
  std::promise<std::string> done;
  auto timer = std::make_unique<Timer>(loop);
  loop.Post([&] {
    const std::string first = "a string too long for the small buffer of std::string";
    timer->Start(0, 1, [&, first] {
      timer->Start(0, 1, [&, second = first + first] {
        timer.reset();
        done.set_value(second);  // The captures live on.
      });
      EXPECT_EQ(first.size(), 53U);
    });
  });
  EXPECT_EQ(done.get_future().get().size(), 106U);
}

TEST(TimerTest, NeverStartedMayGoAnywhere) {
  Loop loop("test");
  const Timer timer(loop);
}

}  // namespace
}  // namespace opssight
