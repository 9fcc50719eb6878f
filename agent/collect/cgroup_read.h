// Reads the files of one control group and adds its samples (cgroup_texts.h). Files that
// are not there, as a controller that is off or a kernel that is older, are left out.
#pragma once

#include "agent/collect/cgroup.h"
#include "agent/collect/cgroup_texts.h"
#include "agent/collect/host_files.h"
#include "common/model/frame.h"

namespace opssight {

void AddCgroupV1(HostFiles& files, const Cgroup& cgroup, const DeviceNames& devices,
                 FrameBuilder& out);
void AddCgroupV2(HostFiles& files, const Cgroup& cgroup, const DeviceNames& devices,
                 FrameBuilder& out);

// The lines of a cgroup.procs: how many, and the first.
struct CgroupProcesses {
  std::size_t count = 0;
  std::string_view first;
};
CgroupProcesses ParseCgroupProcs(std::string_view text);

}  // namespace opssight
