#include "aggregator/targets/agent_targets.h"

#include <utility>

#include "common/base/log.h"

namespace opssight {

void AgentTargets::Expire(std::int64_t now_ms) {
  for (auto it = agents_.begin(); it != agents_.end();) {
    if (now_ms - it->second.told_ms < options_.expire_ms) {
      ++it;
      continue;
    }
    bytes_ -= it->second.bytes;
    it = agents_.erase(it);
  }
  stats_.agents = static_cast<std::int64_t>(agents_.size());
  stats_.bytes = static_cast<std::int64_t>(bytes_);
}

void AgentTargets::Trim() {
  MutexLock lock(mutex_);
  Expire(clock_.SteadyMs());
}

void AgentTargets::Tell(const std::string& agent_id, std::int64_t created_ms,
                        std::shared_ptr<const TargetsSnapshot> targets) {
  const std::int64_t now_ms = clock_.SteadyMs();
  const std::size_t bytes = BytesOf(*targets);
  MutexLock lock(mutex_);
  Expire(now_ms);
  ++stats_.told;
  Agent& agent = agents_[agent_id];
  if (agent.targets != nullptr && created_ms < agent.created_ms) {
    ++stats_.outdated;
    return;
  }
  bytes_ -= std::exchange(agent.bytes, bytes);
  bytes_ += bytes;
  agent = {
      .created_ms = created_ms, .told_ms = now_ms, .bytes = bytes, .targets = std::move(targets)};
  if (bytes_ > options_.bytes_max) {
    ++stats_.refused;
    OPS_LOG_EVERY(600, kWarn,
                  "targets: agent {}: what agents tell of their targets takes over {} bytes; "
                  "/api/v1/targets does not list this one's",
                  agent_id, options_.bytes_max);
    bytes_ -= bytes;
    agents_.erase(agent_id);
  }
  stats_.agents = static_cast<std::int64_t>(agents_.size());
  stats_.bytes = static_cast<std::int64_t>(bytes_);
}

std::vector<std::shared_ptr<const TargetsSnapshot>> AgentTargets::Snapshots() const {
  const std::int64_t now_ms = clock_.SteadyMs();
  std::vector<std::shared_ptr<const TargetsSnapshot>> out;
  MutexLock lock(mutex_);
  for (const auto& [id, agent] : agents_) {
    if (now_ms - agent.told_ms < options_.expire_ms) out.push_back(agent.targets);
  }
  return out;
}

}  // namespace opssight
