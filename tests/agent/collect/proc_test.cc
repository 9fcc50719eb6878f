#include "agent/collect/proc.h"

#include <gtest/gtest.h>

#include "agent/collect/cgroup.h"

namespace opssight {
namespace {

TEST(ProcTest, ATextWithoutAnyKnownLineIsInvalid) {
  FrameBuilder frame;
  frame.Begin();
  EXPECT_EQ(AddMeminfo("MemTotal: x kB\n", frame).error().message, "meminfo: no line understood");
  EXPECT_EQ(AddLoadavg("a b c", frame).error().message, "loadavg: a b c");
  EXPECT_EQ(AddFileNr("", frame).error().message, "file-nr: ");
  CpuUsage cpu;
  EXPECT_FALSE(AddStat("garbage\n", cpu, frame).has_value());
  EXPECT_FALSE(AddNetDev("no colon\n", frame).has_value());
}

TEST(ProcTest, TheCpuPercentIsOfTheTimeSinceTheLastRound) {
  FrameBuilder frame;
  CpuUsage cpu;
  frame.Begin();
  ASSERT_TRUE(AddStat("cpu 100 0 0 100 0 0 0 0\n", cpu, frame).has_value());
  EXPECT_DOUBLE_EQ(frame.End(0).values.front(), 50);
  frame.Begin();
  ASSERT_TRUE(AddStat("cpu 130 0 0 110 0 0 0 0\n", cpu, frame).has_value());
  EXPECT_DOUBLE_EQ(frame.End(0).values.front(), 75);
}

TEST(ProcTest, MountsLeaveOutPseudoFileSystemsAndUnescapePaths) {
  const auto mounts = ParseMounts(
      "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
      "23 22 0:5 / /dev rw - devtmpfs udev rw\n"
      "24 22 0:20 / /a\\040b ro,nosuid - xfs /dev/vdb ro\n"
      "25 22 0:20 / /a\\040b rw - xfs /dev/vdb rw\n"
      "short line\n");
  ASSERT_EQ(mounts.size(), 2U);
  EXPECT_EQ(mounts[0].path, "/");
  EXPECT_EQ(mounts[1].path, "/a b");
  EXPECT_TRUE(mounts[1].read_only);
}

TEST(CgroupTest, FindsTheContainerIdInEachRuntimesNaming) {
  const std::string id(64, 'a');
  const auto f = [&](const std::string& path) { EXPECT_EQ(ContainerIdOf(path), id) << path; };
  f("/docker/" + id);
  f("/system.slice/docker-" + id + ".scope");
  f("/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + id + ".scope");
  f("/machine.slice/libpod-" + id + ".scope");
  f("/kubepods/besteffort/pod1/crio-" + id);
  EXPECT_EQ(ContainerIdOf("/system.slice/ssh.service"), std::nullopt);
  EXPECT_EQ(ContainerIdOf("/docker/" + id + "b"), std::nullopt) << "65 digits are no id";
  EXPECT_EQ(ContainerIdOf("/docker/" + id + "/init"), std::nullopt);
}

}  // namespace
}  // namespace opssight
