#include "aggregator/store/agent_runs.h"

#include "common/base/log.h"

namespace opssight {

Status AgentRuns::Load(Wal& wal, StoreStats& stats) {
  OPS_TRY(const Wal::KeyValues entries, wal.Agents());
  Map runs;
  for (const auto& entry : entries) {
    auto decoded = RunSet::Decode(entry.second);
    if (decoded) {
      runs.emplace(entry.first, *std::move(decoded));
      continue;
    }
    ++stats.corrupt_agents;
    OPS_LOG(kError, "store: {} of agent {}; what it sends again is stored again",
            decoded.error().message,
            entry.first.substr(0, entry.first.size() - sizeof(std::uint64_t)));
  }
  MutexLock lock(mutex_);
  runs_ = std::move(runs);
  return {};
}

RunSet AgentRuns::Find(const std::string& key) const {
  MutexLock lock(mutex_);
  const auto it = runs_.find(key);
  return it == runs_.end() ? RunSet() : it->second;
}

void AgentRuns::Install(Map changed) {
  MutexLock lock(mutex_);
  for (auto& entry : changed) runs_[entry.first] = std::move(entry.second);
}

}  // namespace opssight
