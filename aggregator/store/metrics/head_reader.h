// Reads targets of a head into a Gather: its minis, then its open rows.
#pragma once

#include <vector>

#include "aggregator/store/metrics/gather.h"
#include "aggregator/store/metrics/head_target.h"

namespace opssight {

class HeadReader {
 public:
  explicit HeadReader(Gather& out) : out_(out) {}
  // The series that out.ids() wants of the target.
  Status Read(const HeadTarget::View& view);

 private:
  Status ReadMini(const MiniGroup& mini);
  Status ReadOpen(const HeadTarget::View& view);

  Gather& out_;
  struct Wanted {
    std::size_t i;  // In out.ids().
    std::uint32_t column;
  };
  std::vector<Wanted> wanted_;
  GroupReader group_;
  GroupColumn values_;
};

}  // namespace opssight
