// AgentRuns holds what is durable of each (agent, epoch), as in table agents. The
// committer decides on copies and installs them after the commit; Progress reads.
// About 150 B an agent in memory. Any thread.
#pragma once

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "aggregator/store/runs.h"
#include "aggregator/store/store_options.h"
#include "aggregator/store/wal.h"
#include "common/base/mutex.h"

namespace opssight {

class AgentRuns {
 public:
  using Map = std::unordered_map<std::string, RunSet>;  // By AgentKey.

  // Replaces all by what the wal says. An entry that does not decode is left out,
  // counted and logged: its agent starts anew, with duplicates rather than losses.
  Status Load(Wal& wal, StoreStats& stats) OPS_EXCLUDES(mutex_);
  RunSet Find(const std::string& key) const OPS_EXCLUDES(mutex_);  // Empty: none.
  void Install(Map changed) OPS_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  Map runs_ OPS_GUARDED_BY(mutex_);
};

}  // namespace opssight
