// Container resource use from cgroup files, v1 and v2, under cAdvisor's names
// (container_*). A container is a cgroup whose path holds a 64-digit hexadecimal
// id (Docker, containerd, CRI-O and podman all name it so). Parse functions take
// text; AddCgroup* read the files of one cgroup through HostFiles.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collect/host_files.h"
#include "common/base/result.h"
#include "common/model/frame.h"

namespace opssight {

struct ContainerCgroup {
  std::string id;    // 64 hexadecimal digits.
  std::string path;  // Below the hierarchy's mount: "/system.slice/docker-….scope".
};

// The container id in the last component of a cgroup path, if there is one.
std::optional<std::string> ContainerIdOf(std::string_view cgroup_path);

enum class CgroupVersion { kNone, kV1, kV2 };
CgroupVersion DetectCgroups(HostFiles& files);

// Walks the hierarchy; at most cgroups_max directories are visited.
std::vector<ContainerCgroup> FindContainers(HostFiles& files, CgroupVersion version,
                                            std::size_t cgroups_max);

// The samples of one container. Files that are not there are left out.
void AddCgroupV2(HostFiles& files, const ContainerCgroup& cgroup, FrameBuilder& out);
void AddCgroupV1(HostFiles& files, const ContainerCgroup& cgroup, FrameBuilder& out);

}  // namespace opssight
