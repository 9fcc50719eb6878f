#include "common/base/mutex.h"

#include <thread>

#include <gtest/gtest.h>

namespace opssight {
namespace {

struct Box {
  Mutex mutex;
  CondVar changed;
  int value OPS_GUARDED_BY(mutex) = 0;
};

TEST(CondVarTest, HandsOverBetweenThreadsInTurn) {
  Box box;
  std::thread other([&box] {
    for (int turn = 1; turn < 200; turn += 2) {
      MutexLock lock(box.mutex);
      while (box.value != turn) box.changed.Wait(box.mutex);
      ++box.value;
      box.changed.NotifyAll();
    }
  });
  for (int turn = 0; turn < 200; turn += 2) {
    MutexLock lock(box.mutex);
    while (box.value != turn) box.changed.WaitFor(box.mutex, 1'000'000);
    ++box.value;
    box.changed.NotifyAll();
  }
  other.join();
  MutexLock lock(box.mutex);
  EXPECT_EQ(box.value, 200);
}

}  // namespace
}  // namespace opssight
