#include "common/base/work_pool.h"

#include <atomic>
#include <future>

#include <gtest/gtest.h>

namespace opssight {
namespace {

TEST(WorkPoolTest, RunsEverythingItTookOnBeforeItStops) {
  std::atomic<int> ran{0};
  WorkPool pool("test", 3, 1000);
  for (int i = 0; i < 500; ++i) EXPECT_TRUE(pool.TrySubmit([&] { ++ran; }));
  pool.Stop();
  EXPECT_EQ(ran.load(), 500);
  EXPECT_FALSE(pool.TrySubmit([] {}));
}

TEST(WorkPoolTest, RefusesWhatDoesNotFit) {
  std::promise<void> started;
  std::promise<void> go;
  WorkPool pool("test", 1, 2);
  ASSERT_TRUE(pool.TrySubmit([&] {
    started.set_value();
    go.get_future().wait();
  }));
  started.get_future().wait();
  EXPECT_TRUE(pool.TrySubmit([] {}));
  EXPECT_TRUE(pool.TrySubmit([] {}));
  EXPECT_FALSE(pool.TrySubmit([] {}));
  EXPECT_EQ(pool.waiting(), 2U);
  go.set_value();
}

}  // namespace
}  // namespace opssight
