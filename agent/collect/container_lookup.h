// What the runtimes keep on disk about a container, by its id: name, image, pod.
//   Docker                    /var/lib/docker/containers/<id>/config.v2.json
//   containerd (k8s, nerdctl) /run/containerd/io.containerd.runtime.v2.task/<ns>/<id>/config.json
//   podman, CRI-O             /var/lib/containers/storage/overlay-containers/…
#pragma once

#include <optional>
#include <string_view>

#include "agent/collect/host_files.h"
#include "agent/container/container_meta.h"

namespace opssight {

// Nothing where no runtime known here has the id (yet). Costs some opens, and at most
// parsing one JSON file of HostFiles::kFileBytesMax: once for a container, not each round.
std::optional<ContainerMeta> FindContainerMeta(HostFiles& files, std::string_view id);

}  // namespace opssight
