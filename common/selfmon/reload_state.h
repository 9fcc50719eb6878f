// How reading the settings anew went: kept by the program, shown by /metrics as Prometheus
// shows its own. A program that has started has read them once.
//
//   ReloadState state(clock.WallMs());
//   AddReloadMetrics(registry, state);   // state outlives the registry's last use
//   state.Tell(reloaded.has_value(), clock.WallMs());
//
// Any thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "common/selfmon/registry.h"

namespace opssight {

class ReloadState {
 public:
  explicit ReloadState(std::int64_t start_ms) : success_ms_(start_ms) {}

  void Tell(bool ok, std::int64_t now_ms) {
    if (ok) success_ms_.store(now_ms);
    ok_.store(ok);
  }
  bool ok() const { return ok_.load(); }  // Of the last one.
  std::int64_t success_ms() const { return success_ms_.load(); }

 private:
  std::atomic<bool> ok_{true};
  std::atomic<std::int64_t> success_ms_;
};

// opssight_config_last_reload_successful and …_success_timestamp_seconds.
void AddReloadMetrics(Registry& registry, const ReloadState& state);

}  // namespace opssight
