// Agent is the running program: the disk queue and its packer first, then what ships,
// then the sources that fill it; ended the other way round.
//
//   /proc, cgroups --collect--+
//   log files --------tail----+--> batcher --> spool --> shipper --TLS--> aggregator
//   OTLP -------------otlp----+
//   targets ----------scrape--+
//
// Start and Stop block. One at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/config/agent_config.h"
#include "agent/identity/identity.h"
#include "agent/scrape/memory.h"
#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/selfmon/reload_state.h"

namespace opssight {

class Agent {
 public:
  // config: Resolved. clock, reload (which /metrics shows) and memory outlive the agent;
  // memory is what the agent before knew of its targets, and when it stops what this one does.
  static Result<std::unique_ptr<Agent>> Start(AgentConfig config, Identity identity, Clock& clock,
                                              const ReloadState& reload, ScrapeMemory& memory);
  virtual ~Agent() = default;

  // Whether the disk takes no writes now: what is in memory might not survive Stop.
  virtual bool failing() const = 0;
  // Stops the sources, puts what they handed over on disk, then ends.
  virtual void Stop() = 0;
};

}  // namespace opssight
