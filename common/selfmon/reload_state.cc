#include "common/selfmon/reload_state.h"

namespace opssight {

void AddReloadMetrics(Registry& registry, const ReloadState& state) {
  registry.AddCallback("opssight_config_last_reload_successful",
                       "Whether the settings were taken when they were last read.",
                       MetricType::kGauge, [&state] { return state.ok() ? 1.0 : 0.0; });
  registry.AddCallback("opssight_config_last_reload_success_timestamp_seconds",
                       "When settings were last read and taken, in Unix time.", MetricType::kGauge,
                       [&state] { return static_cast<double>(state.success_ms()) / 1e3; });
}

}  // namespace opssight
