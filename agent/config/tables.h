// Tables of the agent's parts, for AgentTable alone.
#pragma once

#include "agent/config/agent_config.h"

namespace opssight {

const OptionTable<TailOptions>& TailTable();
const OptionTable<OtlpConfig>& OtlpTable();
const OptionTable<BatchOptions>& BatchTable();
const OptionTable<SpoolOptions>& SpoolTable();
const OptionTable<AgentSessionOptions>& ShipTable();

}  // namespace opssight
