// Where containers are among the control groups, v1 and v2. A container is a cgroup whose
// last component holds a 64-digit hexadecimal id (Docker, containerd, CRI-O and podman all
// name it so); a systemd service is one that ends in ".service".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collect/host_files.h"

namespace opssight {

struct Cgroup {
  std::string path;     // Below the hierarchy's mount: "/system.slice/docker-….scope".
  std::string id;       // 64 hexadecimal digits; "" for a service.
  std::string service;  // "ssh.service"; "" for a container.
};

// The container id in the last component of a cgroup path, if there is one.
std::optional<std::string> ContainerIdOf(std::string_view cgroup_path);

enum class CgroupVersion { kNone, kV1, kV2 };
CgroupVersion DetectCgroups(HostFiles& files);

struct FoundCgroups {
  std::vector<Cgroup> cgroups;  // By path.
  bool more = false;            // cgroups_max was reached; the rest was not looked at.
};
// Walks the hierarchy; at most cgroups_max directories are visited. Costs a stat for each
// group and a listing for each that has groups in it.
FoundCgroups FindCgroups(HostFiles& files, CgroupVersion version, std::size_t cgroups_max,
                         bool services);

inline constexpr std::string_view kCgroupRoot = "/sys/fs/cgroup";

}  // namespace opssight
