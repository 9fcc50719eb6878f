// The labels of a log stream, from what the path and the container's metadata say. Pure.
//
//   containers  container_name, image, stream, job, service_name, host, and where they are
//               known namespace and pod; allowed container labels; container_id if asked
//   files       filename, job, service_name, host, and what the configuration adds
//
// service_name is the compose or swarm service, else the container's name (a file's name
// without extension). job is <namespace>/<container> in Kubernetes, else the compose
// project, else "docker", "podman" or "files".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/container/container_meta.h"
#include "agent/tail/options.h"
#include "common/model/labels.h"

namespace opssight {

Labels ContainerStream(const TailOptions& options, const ContainerMeta& meta, std::string_view job,
                       bool is_stderr);
Labels FileStream(const TailOptions& options, std::string_view path,
                  const std::vector<Label>& configured);

}  // namespace opssight
