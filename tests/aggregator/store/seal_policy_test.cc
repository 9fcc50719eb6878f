#include "aggregator/store/seal_policy.h"

#include <vector>

#include <gtest/gtest.h>

#include "common/base/clock.h"

namespace opssight {
namespace {

constexpr SealOptions kOptions{.after_ms = 100, .again_after_ms = 50, .retry_ms = 20};
constexpr std::int64_t kEndMs = 6 * kMsPerDay;  // Of day 5.

TEST(SealPolicyTest, ADayIsDueOnceItIsOverAndAgainWhenWrittenTo) {
  const auto f = [](SealState state, std::int64_t now_ms, bool due) {
    state.day = 5;
    EXPECT_EQ(IsDueToSeal(kOptions, state, now_ms), due) << now_ms;
  };
  f({.written = 7}, kEndMs + 99, false);
  f({.written = 7}, kEndMs + 100, true);
  f({.written = 0}, kEndMs + 100, false);
  f({.written = 7, .done = 7, .done_ms = 1}, kEndMs + 100, false);
  f({.written = 8, .done = 7, .done_ms = kEndMs + 100}, kEndMs + 149, false);
  f({.written = 8, .done = 7, .done_ms = kEndMs + 100}, kEndMs + 150, true);
  f({.written = 8, .done = 7, .done_ms = kEndMs + 900}, kEndMs + 150, true);  // Set back.
  f({.written = 8, .done = 9, .done_ms = 1}, kEndMs + 150, false);
  f({.written = 7, .done = 7, .done_ms = kEndMs + 100, .asked = true}, kEndMs + 100, true);
  f({.written = 7, .asked = true}, kEndMs + 99, false);
  f({.written = 7, .failed_ms = kEndMs + 100}, kEndMs + 119, false);
  f({.written = 7, .failed_ms = kEndMs + 100}, kEndMs + 120, true);
  f({.written = 7, .failed_ms = kEndMs + 900}, kEndMs + 120, true);  // Set back.
}

TEST(SealPolicyTest, TheOldestComesFirst) {
  const std::vector<SealState> states = {{.day = 4, .written = 3, .failed_ms = kEndMs},
                                         {.day = 3, .written = 3},
                                         {.day = 2, .written = 3, .done = 3},
                                         {.day = 5, .written = 3}};
  EXPECT_EQ(NextToSeal(kOptions, states, kEndMs), 3);
  EXPECT_EQ(NextToSeal(kOptions, {}, kEndMs), std::nullopt);
  EXPECT_EQ(NextToSeal(kOptions, std::vector<SealState>{{.day = 5, .written = 1}}, kEndMs),
            std::nullopt);
}

}  // namespace
}  // namespace opssight
