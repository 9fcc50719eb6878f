// Aggregator is the running program: every part made in order, each over those above
// it, and ended the other way round.
//
//   agents --TLS--> ingest --> store --> signals --> api --> service <--HTTP-- clients
//
// Start and Stop block (replay of the wal; the last flush). One at a time.
#pragma once

#include <memory>
#include <string>

#include "aggregator/config/aggregator_config.h"
#include "common/base/clock.h"
#include "common/base/result.h"

namespace opssight {

class Aggregator {
 public:
  // reload: reads the settings anew.
  static Result<std::unique_ptr<Aggregator>> Start(AggregatorConfig config, Clock& clock,
                                                   std::function<Status()> reload);
  virtual ~Aggregator() = default;

  // "127.0.0.1:9090"; the real ports where 0 was asked.
  virtual std::string http_address() const = 0;
  virtual std::string agents_address() const = 0;
  // As POST /-/reload does; its outcome is told by /api/v1/status/runtimeinfo. Any thread.
  virtual Status Reload() = 0;
  // Ends agents' sessions, then queries, then flushes the store.
  virtual void Stop() = 0;
};

}  // namespace opssight
