#include "agent/collect/cgroup.h"

#include <algorithm>
#include <deque>
#include <utility>

namespace opssight {

std::optional<std::string> ContainerIdOf(std::string_view cgroup_path) {
  const std::size_t slash = cgroup_path.rfind('/');
  const std::string_view last =
      slash == std::string_view::npos ? cgroup_path : cgroup_path.substr(slash + 1);
  if (last.find("conmon-") != last.npos) return std::nullopt;  // podman's watcher of one.
  constexpr std::size_t kIdSize = 64;
  constexpr std::string_view kHex = "0123456789abcdef";
  for (std::size_t at = 0; at + kIdSize <= last.size(); ++at) {
    const std::string_view id = last.substr(at, kIdSize);
    const std::size_t bad = id.find_first_not_of(kHex);
    if (bad == std::string_view::npos) {
      const bool longer = at + kIdSize < last.size() && kHex.find(last[at + kIdSize]) != kHex.npos;
      return longer ? std::nullopt : std::optional<std::string>(id);
    }
    at += bad;
  }
  return std::nullopt;
}

CgroupVersion DetectCgroups(HostFiles& files) {
  if (files.Read(kCgroupRoot, "cgroup.controllers")) return CgroupVersion::kV2;
  if (!files.List(std::string(kCgroupRoot) + "/memory").empty()) return CgroupVersion::kV1;
  return CgroupVersion::kNone;
}

FoundCgroups FindCgroups(HostFiles& files, CgroupVersion version, std::size_t cgroups_max,
                         bool services) {
  FoundCgroups found;
  if (version == CgroupVersion::kNone) return found;
  const std::string top =
      std::string(kCgroupRoot) + (version == CgroupVersion::kV1 ? "/memory" : "");
  std::deque<std::string> todo = {""};
  std::vector<std::string> names;
  for (std::size_t visited = 0; !todo.empty(); ++visited) {
    if (visited == cgroups_max) {
      found.more = true;
      break;
    }
    const std::string path = std::move(todo.front());
    todo.pop_front();
    if (auto id = ContainerIdOf(path)) {
      found.cgroups.push_back({.path = path, .id = *std::move(id), .service = {}});
    } else if (services && path.ends_with(".service")) {
      found.cgroups.push_back(
          {.path = path, .id = {}, .service = path.substr(path.rfind('/') + 1)});
    }
    files.ListDirs(top + path, names);
    for (const std::string& name : names) todo.push_back(path + "/" + name);
  }
  std::sort(found.cgroups.begin(), found.cgroups.end(),
            [](const Cgroup& a, const Cgroup& b) { return a.path < b.path; });
  return found;
}

}  // namespace opssight
