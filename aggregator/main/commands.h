// What an operator does beside the running aggregator: tokens and agents, over the
// same meta.mdb. Each prints its answer to stdout and gives the exit status.
#pragma once

#include <cstdint>
#include <string>

#include "aggregator/config/aggregator_config.h"

namespace opssight {

struct TokenCreateOptions {
  std::int64_t life_s = 86'400;
  std::uint64_t uses = 1;
};

// Prints the one line that enrols a host.
int CreateTokenCommand(const AggregatorConfig& config, const TokenCreateOptions& options);
int ListTokensCommand(const AggregatorConfig& config);
int RevokeTokenCommand(const AggregatorConfig& config, const std::string& id);
int ListAgentsCommand(const AggregatorConfig& config);
int RevokeAgentCommand(const AggregatorConfig& config, const std::string& id);

}  // namespace opssight
