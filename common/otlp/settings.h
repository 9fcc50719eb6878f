// Settings of an OTLP receiver, the same on the agent and on the aggregator. Built once,
// any thread.
#pragma once

#include "common/config/table.h"
#include "common/otlp/service.h"

namespace opssight {

const OptionTable<OtlpOptions>& OtlpServiceTable();

}  // namespace opssight
