// CA, server certificate and registry of an aggregator's data folder, opened the same
// way by the running program and by its commands.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "aggregator/config/aggregator_config.h"
#include "aggregator/enrol/registry.h"
#include "aggregator/store/guarded_env.h"
#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/pki/pki.h"

namespace opssight {

struct EnrolmentParts {
  KeyAndCertificate ca;
  std::unique_ptr<AgentRegistry> registry;
};

Result<EnrolmentParts> OpenEnrolment(const AggregatorConfig& config,
                                     std::shared_ptr<GuardedEnv> meta, const Clock& clock);

// The names agents know this machine by: as set, or the host's.
std::vector<std::string> AgentNames(const AggregatorConfig& config);
// Where the CA's and the server's files are.
std::string PkiDir(const AggregatorConfig& config);

}  // namespace opssight
