// Which container this process runs in, so that an agent does not follow its own log. Pure.
#pragma once

#include <string>
#include <string_view>

namespace opssight {

// The id by what /proc/self/cgroup and /proc/self/mountinfo say; "" outside of a container,
// and where neither tells: in Kubernetes with cgroups of its own, for one.
std::string OwnContainerId(std::string_view cgroup, std::string_view mountinfo);

}  // namespace opssight
