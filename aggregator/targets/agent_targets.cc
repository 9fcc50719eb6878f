#include "aggregator/targets/agent_targets.h"

#include <utility>

#include "common/base/log.h"

namespace opssight {
namespace {

constexpr std::int64_t kExpirePeriodMs = 10'000;

}  // namespace

void AgentTargets::Count(const Agent& agent, int sign) {
  const auto bytes = static_cast<std::int64_t>(agent.bytes);
  bytes_ = sign > 0 ? bytes_ + agent.bytes : bytes_ - agent.bytes;
  stats_.bytes += sign * bytes;
  stats_.left_out += sign * static_cast<std::int64_t>(agent.left_out);
  stats_.agents += sign;
}

void AgentTargets::Expire(std::int64_t now_ms) {
  expire_at_ms_ = now_ms + kExpirePeriodMs;
  for (auto it = agents_.begin(); it != agents_.end();) {
    if (!Expired(it->second, now_ms)) {
      ++it;
      continue;
    }
    Count(it->second, -1);
    it = agents_.erase(it);
  }
}

void AgentTargets::Trim() {
  MutexLock lock(mutex_);
  Expire(clock_.SteadyMs());
}

void AgentTargets::Tell(const std::string& agent_id, std::int64_t created_ms,
                        std::shared_ptr<const TargetsSnapshot> targets) {
  const std::int64_t now_ms = clock_.SteadyMs();
  Agent agent{.created_ms = created_ms,
              .told_ms = now_ms,
              .bytes = BytesOf(*targets),
              .left_out = targets->left_out,
              .targets = std::move(targets)};
  MutexLock lock(mutex_);
  ++stats_.told;
  if (now_ms >= expire_at_ms_) Expire(now_ms);
  if (const auto known = agents_.find(agent_id); known != agents_.end()) {
    if (created_ms < known->second.created_ms && !Expired(known->second, now_ms)) {
      ++stats_.outdated;
      return;
    }
    Count(known->second, -1);
    agents_.erase(known);
  }
  if (bytes_ + agent.bytes > options_.bytes_max) {
    ++stats_.refused;
    OPS_LOG_EVERY(600, kWarn,
                  "targets: agent {}: what agents tell of their targets takes over {} bytes; "
                  "/api/v1/targets does not list this one's",
                  agent_id, options_.bytes_max);
    return;
  }
  Count(agent, 1);
  agents_.emplace(agent_id, std::move(agent));
}

std::vector<std::shared_ptr<const TargetsSnapshot>> AgentTargets::Snapshots() const {
  const std::int64_t now_ms = clock_.SteadyMs();
  std::vector<std::shared_ptr<const TargetsSnapshot>> out;
  MutexLock lock(mutex_);
  for (const auto& [id, agent] : agents_) {
    if (!Expired(agent, now_ms)) out.push_back(agent.targets);
  }
  return out;
}

}  // namespace opssight
