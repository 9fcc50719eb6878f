// DockerDiscovery asks a Docker daemon for its containers, as docker_sd_configs do: a
// target for each TCP port of each container, with __meta_docker_… labels. While the
// daemon does not answer, the targets stay as they were. On the loop, the construction and
// the end too.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/scrape/file_discovery.h"
#include "agent/scrape/options.h"
#include "agent/scrape/target.h"
#include "common/base/result.h"
#include "common/fetch/fetcher.h"
#include "common/net/loop.h"
#include "common/net/timer.h"

namespace opssight {

// Answers of GET /containers/json and GET /networks to targets. Pure.
Result<std::vector<TargetLabels>> ParseDocker(std::string_view containers,
                                              std::string_view networks,
                                              const DockerDiscoveryOptions& options);
// Path and query of the first.
std::string DockerContainersPath(const DockerDiscoveryOptions& options);

class DockerDiscovery {
 public:
  // fetcher outlives it.
  DockerDiscovery(Loop& loop, Fetcher& fetcher, DockerDiscoveryOptions options,
                  OnTargets on_targets, std::function<void()> failed);
  ~DockerDiscovery();
  DockerDiscovery(const DockerDiscovery&) = delete;
  DockerDiscovery& operator=(const DockerDiscovery&) = delete;

  void Start();

 private:
  using Next = std::function<void(std::string body)>;
  void Ask();
  void Get(const std::string& path, Next next);
  void Failed(const std::string& why);

  Loop& loop_;
  Fetcher& fetcher_;
  const DockerDiscoveryOptions options_;
  const OnTargets on_targets_;
  const std::function<void()> failed_;
  Timer timer_;
  Fetcher::Id asking_ = 0;
};

}  // namespace opssight
