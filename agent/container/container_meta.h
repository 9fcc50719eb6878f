// What a container runtime keeps beside a log file about its container. Pure; the JSON
// is a foreign program's and may be cut, huge or wrong: nothing is answered then.
//
//   Docker   config.v2.json beside <id>-json.log
//   podman   config.json (OCI) beside ctr.log, and containers.json two folders above
//   containerd, CRI-O  config.json (OCI) of the running container; annotations say the pod
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/model/labels.h"

namespace opssight {

struct ContainerMeta {
  std::string id;  // As the runtime gives it; 64 hex digits with Docker.
  std::string name;
  std::string image;
  std::string pod;
  std::string pod_namespace;
  bool sandbox = false;       // A pod's pause container, which holds its network.
  std::vector<Label> labels;  // Docker labels or OCI annotations; strings only.
};

std::optional<ContainerMeta> ParseDockerConfig(std::string_view json);
std::optional<ContainerMeta> ParseOciConfig(std::string_view json);
// Name and image of container id from containers/storage's list of all containers.
std::optional<ContainerMeta> ParseStorageContainers(std::string_view json, std::string_view id);

}  // namespace opssight
