#include "agent/tail/stream_labels.h"

#include <gtest/gtest.h>

namespace opssight {
namespace {

TEST(StreamLabelsTest, ExtraLabelsAreOnAllStreamsButOverrideNone) {
  TailOptions options;
  options.host = "web-1";
  options.labels = {{"team", "shop"}, {"job", "mine"}};
  EXPECT_EQ(FileStream(options, "/var/log/a.log", {}).ToString(),
            "{filename=\"/var/log/a.log\", host=\"web-1\", job=\"files\", service_name=\"a\", "
            "team=\"shop\"}");
  const Labels container = ContainerStream(options, ContainerMeta{}, "docker", false);
  EXPECT_EQ(container.Get("team"), "shop");
  EXPECT_EQ(container.Get("job"), "docker");
}

}  // namespace
}  // namespace opssight
