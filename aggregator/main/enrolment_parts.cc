#include "aggregator/main/enrolment_parts.h"

#include <unistd.h>

#include "aggregator/enrol/ca_files.h"

namespace opssight {

std::string PkiDir(const AggregatorConfig& config) {
  return config.data_dir + "/pki";
}

std::vector<std::string> AgentNames(const AggregatorConfig& config) {
  if (!config.agents.names.empty()) return config.agents.names;
  char name[256] = {};
  if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0') return {"localhost"};
  return {name, "localhost", "127.0.0.1"};
}

Result<EnrolmentParts> OpenEnrolment(const AggregatorConfig& config,
                                     std::shared_ptr<GuardedEnv> meta, const Clock& clock) {
  EnrolmentParts parts;
  OPS_TRY(parts.ca, LoadOrMakeCa(PkiDir(config), config.agents.ca, clock.WallNs() / kNsPerSecond));
  OPS_TRY(parts.registry,
          AgentRegistry::Open(std::move(meta), parts.ca, config.agents.registry, clock));
  return parts;
}

}  // namespace opssight
