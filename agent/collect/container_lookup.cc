#include "agent/collect/container_lookup.h"

#include <string>

namespace opssight {
namespace {

std::optional<ContainerMeta> FromDocker(HostFiles& files, const std::string& id) {
  const auto text = files.ReadOnce("/var/lib/docker/containers/" + id, "config.v2.json");
  return text ? ParseDockerConfig(*text) : std::nullopt;
}

std::optional<ContainerMeta> FromContainerd(HostFiles& files, const std::string& id) {
  const std::string tasks = "/run/containerd/io.containerd.runtime.v2.task";
  for (const std::string& space : files.List(tasks)) {
    if (space == "moby") continue;  // Docker's own, which says less than Docker's file.
    const auto text = files.ReadOnce(tasks + "/" + space + "/" + id, "config.json");
    if (text) return ParseOciConfig(*text);
  }
  return std::nullopt;
}

std::optional<ContainerMeta> FromStorage(HostFiles& files, const std::string& id) {
  const std::string dir = "/var/lib/containers/storage/overlay-containers";
  std::optional<ContainerMeta> meta;
  if (const auto text = files.ReadOnce(dir + "/" + id + "/userdata", "config.json")) {
    meta = ParseOciConfig(*text);
  }
  if (!meta || (!meta->name.empty() && !meta->image.empty())) return meta;
  const auto list = files.ReadOnce(dir, "containers.json");
  const auto known = list ? ParseStorageContainers(*list, id) : std::nullopt;
  if (!known) return meta;
  if (meta->name.empty()) meta->name = known->name;
  if (meta->image.empty()) meta->image = known->image;
  return meta;
}

}  // namespace

std::optional<ContainerMeta> FindContainerMeta(HostFiles& files, std::string_view id) {
  const std::string text(id);
  if (auto meta = FromDocker(files, text)) return meta;
  if (auto meta = FromContainerd(files, text)) return meta;
  return FromStorage(files, text);
}

}  // namespace opssight
