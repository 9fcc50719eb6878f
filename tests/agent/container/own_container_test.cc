#include "agent/container/own_container.h"

#include <gtest/gtest.h>

namespace opssight {
namespace {

TEST(OwnContainerTest, IsFoundWhereTheKernelTells) {
  const std::string id(64, 'a');
  const std::string other(64, 'b');
  const std::string docker = "/var/lib/docker/containers/" + id + "/hostname ";
  const struct {
    std::string cgroup;
    std::string mounts;
    std::string want;
  } cases[] = {
      {"0::/system.slice/opssight-agent.service\n", "", ""},
      {"12:cpu:/docker/" + id + "\n", "", id},
      {"0::/kubepods.slice/pod1.slice/cri-containerd-" + id + ".scope\n", "", id},
      {"0::/" + id + "a\n", "", ""},  // One digit more.
      {"0::/\n", "1 2 8:1 / / rw\n3 1 8:1 " + docker + "/etc/hostname rw - ext4\n", id},
      {"0::/\n", "3 1 0:9 /overlay-containers/" + id + "/userdata/hosts /etc/hosts rw\n", id},
      // A host with containers, and a container that sees the host's mounts.
      {"0::/\n", "3 1 0:9 / /var/lib/docker/containers/" + other + "/mounts/shm rw\n", ""},
      {"0::/\n", "3 1 8:1 " + docker + "/host/etc/hostname rw\n", ""},
      {"", "3 1\n\n", ""},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(OwnContainerId(one.cgroup, one.mounts), one.want) << one.cgroup << one.mounts;
  }
}

}  // namespace
}  // namespace opssight
