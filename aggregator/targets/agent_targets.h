// AgentTargets keeps the newest that each agent told of its scrape targets, for the API. An
// agent that tells nothing for expire_ms is forgotten: it says it each minute. In memory
// only; after a restart agents tell it again within a minute.
//
//   AgentTargets targets(clock, {});
//   targets.Tell(agent_id, batch->created_ms(), batch->targets());   // ingest
//   targets.Snapshots();                                             // queries
//
// Any thread. Tell costs little, the rest the number of agents.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aggregator/query/targets.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"

namespace opssight {

struct AgentTargetsOptions {
  std::int64_t expire_ms = 5 * 60 * kMsPerSecond;
  std::size_t bytes_max = 64UL << 20;  // Of all agents. Who comes above it is not listed.
};

struct AgentTargetsStats {
  std::atomic<std::uint64_t> told{0};
  std::atomic<std::uint64_t> outdated{0};  // Older than what the agent told already.
  std::atomic<std::uint64_t> refused{0};   // Over bytes_max; the agent is not listed then.
  std::atomic<std::int64_t> agents{0};     // Listed now,
  std::atomic<std::int64_t> bytes{0};      // and what that takes.
  std::atomic<std::int64_t> left_out{0};   // Targets that are not listed: too many of an agent.
};

class AgentTargets final : public TargetsSource {
 public:
  AgentTargets(const Clock& clock, AgentTargetsOptions options)
      : clock_(clock), options_(options) {}

  // created_ms: the agent's clock when it said so; batches of a backlog come late.
  void Tell(const std::string& agent_id, std::int64_t created_ms,
            std::shared_ptr<const TargetsSnapshot> targets) OPS_EXCLUDES(mutex_);
  std::vector<std::shared_ptr<const TargetsSnapshot>> Snapshots() const override
      OPS_EXCLUDES(mutex_);

  // Forgets who was silent for too long, so that memory and stats() are of now.
  void Trim() OPS_EXCLUDES(mutex_);

  const AgentTargetsStats& stats() const { return stats_; }

 private:
  struct Agent {
    std::int64_t created_ms = 0;
    std::int64_t told_ms = 0;  // Steady.
    std::size_t bytes = 0;
    std::uint64_t left_out = 0;
    std::shared_ptr<const TargetsSnapshot> targets;
  };
  bool Expired(const Agent& agent, std::int64_t now_ms) const {
    return now_ms - agent.told_ms >= options_.expire_ms;
  }
  void Expire(std::int64_t now_ms) OPS_REQUIRES(mutex_);
  void Count(const Agent& agent, int sign) OPS_REQUIRES(mutex_);

  const Clock& clock_;
  const AgentTargetsOptions options_;
  AgentTargetsStats stats_;
  mutable Mutex mutex_;
  std::map<std::string, Agent> agents_ OPS_GUARDED_BY(mutex_);
  std::size_t bytes_ OPS_GUARDED_BY(mutex_) = 0;
  std::int64_t expire_at_ms_ OPS_GUARDED_BY(mutex_) = 0;  // When it is looked at again.
};

}  // namespace opssight
