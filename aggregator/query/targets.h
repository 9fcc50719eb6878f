// What is scraped and what is ruled, as Prometheus' API tells it: /targets, /rules, /alerts.
// Values; whoever scrapes or evaluates implements the sources. Any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/model/labels.h"
#include "common/model/targets.h"

namespace opssight {

class TargetsSource {
 public:
  virtual ~TargetsSource() = default;
  // The newest that each agent told of its targets, by agent. None is null.
  virtual std::vector<std::shared_ptr<const TargetsSnapshot>> Snapshots() const = 0;
};

struct AlertState {
  Labels labels;
  Labels annotations;
  bool firing = false;  // Otherwise pending.
  std::int64_t active_at_ns = 0;
  std::int64_t keep_firing_since_ns = 0;  // 0: does not.
  double value = 0;
};

struct RuleState {
  bool alerting = false;  // Otherwise recording; what is of alerts counts for nothing.
  std::string name;
  std::string query;
  Labels labels;
  bool healthy = false;
  std::string last_error;
  double evaluation_s = 0;
  std::int64_t last_evaluation_ns = 0;  // 0: never.
  double for_s = 0;
  double keep_firing_for_s = 0;
  Labels annotations;
  std::vector<AlertState> alerts;
};

struct RuleGroupState {
  std::string name;
  std::string file;
  double interval_s = 0;
  std::int64_t limit = 0;
  double evaluation_s = 0;
  std::int64_t last_evaluation_ns = 0;
  std::vector<RuleState> rules;
};

class RulesSource {
 public:
  virtual ~RulesSource() = default;
  virtual std::vector<RuleGroupState> Groups() const = 0;  // By file, then name.
};

}  // namespace opssight
