#include "agent/tail/file_names.h"
#include "agent/tail/follower.h"
#include "agent/tail/stream_labels.h"
#include "common/base/log.h"

namespace opssight {
namespace {

constexpr std::size_t kMetaBytesMax = 16UL << 20;

std::string DirOf(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

std::string_view BaseOf(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

// Whether the stream's labels are known. While they may still come the file waits.
bool Follower::MetaReady(TailTime now) {
  if (meta_done_) {
    const bool docker = format_ == Format::kDocker;
    if (docker && now.steady_ms - meta_checked_ms_ >= shared_.options.rescan_ms) ReadMeta(now);
    return !excluded_;
  }
  if (meta_since_ms_ < 0) meta_since_ms_ = now.steady_ms;
  ReadMeta(now);
  if (!meta_done_ && now.steady_ms - meta_since_ms_ >= shared_.options.meta_wait_ms) {
    OPS_LOG_EVERY(60, kWarn, "tail: {}: no metadata beside it; going on with what its path says",
                  real_.path);
    meta_done_ = true;
    SetStreams();
  }
  return meta_done_ && !excluded_;
}

void Follower::ReadMeta(TailTime now) {
  meta_checked_ms_ = now.steady_ms;
  if (spec_.source == LogSource::kFile) {
    meta_done_ = true;
    SetStreams();
    return;
  }
  const std::string dir = DirOf(real_.path);
  const std::string config =
      dir + (format_ == Format::kDocker ? "/config.v2.json" : "/config.json");
  std::optional<ContainerMeta> meta;
  if (spec_.source == LogSource::kPod && format_ == Format::kCri) {
    meta = ContainerMeta{};  // The path says it all.
  } else {
    const auto stat = StatFile(config);
    if (meta_done_ && (!stat || stat->modified_ns == meta_modified_ns_)) return;
    if (const auto json = ReadSmallFile(config, kMetaBytesMax)) {
      meta = format_ == Format::kDocker ? ParseDockerConfig(*json) : ParseOciConfig(*json);
    }
    if (meta && stat) meta_modified_ns_ = stat->modified_ns;
  }
  // podman: <id>/userdata/ctr.log, and the list of all two folders up.
  if (meta && spec_.source == LogSource::kPodman) {
    const std::string container = DirOf(dir);
    meta->id = BaseOf(container);
    if (const auto list = ReadSmallFile(DirOf(container) + "/containers.json", kMetaBytesMax)) {
      if (const auto known = ParseStorageContainers(*list, meta->id)) {
        if (meta->name.empty()) meta->name = known->name;
        if (meta->image.empty()) meta->image = known->image;
      }
    }
  }
  if (!meta) return;
  meta_ = *std::move(meta);
  meta_done_ = true;
  SetStreams();
}

void Follower::SetStreams() {
  if (spec_.source == LogSource::kFile) {
    streams_[0] = streams_[1] =
        std::make_shared<const Labels>(FileStream(shared_.options, spec_.host_path, spec_.labels));
    return;
  }
  auto pod = ParsePodPath(spec_.host_path);
  if (!pod) pod = ParseContainersLink(spec_.host_path);
  if (pod && spec_.source == LogSource::kPod) {
    meta_.pod = pod->pod;
    meta_.pod_namespace = pod->pod_namespace;
    meta_.name = pod->container;
  }
  if (meta_.id.empty() && format_ == Format::kDocker) meta_.id = BaseOf(DirOf(real_.path));
  if (meta_.id.empty() && spec_.source == LogSource::kPodman) {
    meta_.id = BaseOf(DirOf(DirOf(real_.path)));
  }
  for (const std::string& pattern : shared_.options.exclude_containers) {
    if (MatchName(pattern, meta_.name)) excluded_ = true;
  }
  const std::string_view job = spec_.source == LogSource::kPodman ? "podman" : "docker";
  for (const bool is_stderr : {false, true}) {
    streams_[is_stderr ? 1 : 0] =
        std::make_shared<const Labels>(ContainerStream(shared_.options, meta_, job, is_stderr));
  }
}

}  // namespace opssight
