// What a resource and a scope put on the series below them: job, instance, promoted
// attributes, otel_scope_*; and target_info. Internal to this folder.
#pragma once

#include <string>
#include <vector>

#include "common/codec/otlp/metrics.h"
#include "common/codec/otlp/values.h"

namespace opssight::wire::otlp {
class InstrumentationScope;
class Resource;
}  // namespace opssight::wire::otlp

namespace opssight::otlp {

class Target {
 public:
  // All outlive the target.
  Target(const OtlpMetricsOptions& options, const ValueReader& values, OtlpOutcome& outcome)
      : options_(options), values_(values), outcome_(outcome) {}

  // Starts anew. key: bytes that name the resource.
  void Resource(const wire::otlp::Resource& resource, std::string& key);
  void Scope(const wire::otlp::InstrumentationScope& scope);
  // Labels of target_info; none where no query could join it.
  std::vector<Label> Info(const wire::otlp::Resource& resource) const;

  // Puts what every series here has beside a point's own labels, which are sorted by name,
  // each once, and stay so. Only job and instance win over the point's.
  void AddTo(std::vector<Label>& labels) const;
  std::size_t size() const { return labels_.size(); }

 private:
  struct Given {
    Label label;
    bool wins = false;
  };
  bool Promotes(const std::string& key) const;
  void Sort();

  const OtlpMetricsOptions& options_;
  const ValueReader& values_;
  OtlpOutcome& outcome_;
  std::string job_;
  std::string instance_;
  std::vector<Given> resource_;  // job and instance, then promoted ones.
  std::vector<Given> labels_;    // With the scope's and the options'; by name, each once.
};

bool ByName(const Label& a, const Label& b);

}  // namespace opssight::otlp
