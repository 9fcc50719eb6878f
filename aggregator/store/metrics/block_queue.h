// BlockQueue packs groups into blocks of about block_bytes and hands them on, numbered
// from first_number, when there are some MiB of them. It remembers their summaries.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/store/days/day_files.h"
#include "aggregator/store/metrics/metric_block.h"

namespace opssight {

class BlockQueue {
 public:
  using Write = std::function<Status(const std::vector<DayFiles::Numbered>& blocks)>;
  struct Sizes {
    std::size_t block_bytes = 0;   // A block is closed from here on.
    std::size_t queued_bytes = 0;  // From here on blocks are written.
  };
  BlockQueue(std::uint32_t first_number, Sizes sizes, Write write)
      : first_number_(first_number), sizes_(sizes), write_(std::move(write)) {}

  Status Add(std::span<const SeriesId> ids, std::string_view group, std::int64_t min_ms,
             std::int64_t max_ms);
  // What comes next has little to do with what came: a good place to close a block.
  Status MayClose();
  Status Finish();
  const std::vector<BlockSummary>& summaries() const { return summaries_; }

 private:
  Status Close();
  Status WriteQueued();

  const std::uint32_t first_number_;
  const Sizes sizes_;
  const Write write_;
  MetricBlockWriter block_;
  std::vector<std::string> queued_;
  std::size_t queued_bytes_ = 0;
  std::vector<BlockSummary> summaries_;
};

}  // namespace opssight
