// A setting that is a list of labels, written as a map: {team: shop, tier: web}.
#pragma once

#include <string>
#include <vector>

#include "common/config/kind.h"
#include "common/model/labels.h"

namespace opssight {

// std::vector<Label>, by name. A name that is none of Prometheus' is a problem.
class LabelsKind final : public ConfigKind {
 public:
  void Read(const ConfigNode& node, const std::string& path, void* value,
            ConfigReading& reading) const override;
  ConfigNode Write(const void* value) const override;
  std::string name() const override { return "map of labels"; }
};

}  // namespace opssight
