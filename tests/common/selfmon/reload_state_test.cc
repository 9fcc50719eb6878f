#include "common/selfmon/reload_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace opssight {
namespace {

using ::testing::HasSubstr;

TEST(ReloadStateTest, AFailureKeepsTheTimeOfTheLastSuccess) {
  ReloadState state(1'500);
  Registry registry;
  AddReloadMetrics(registry, state);
  const auto expect = [&](const std::string& ok, const std::string& seconds) {
    const std::string text = registry.PrometheusText();
    EXPECT_THAT(text, HasSubstr("\nopssight_config_last_reload_successful " + ok + "\n"));
    EXPECT_THAT(text, HasSubstr("\nopssight_config_last_reload_success_timestamp_seconds " +
                                seconds + "\n"));
  };
  expect("1", "1.5");  // The start.
  state.Tell(false, 2'500);
  expect("0", "1.5");
  state.Tell(true, 3'500);
  expect("1", "3.5");
}

}  // namespace
}  // namespace opssight
