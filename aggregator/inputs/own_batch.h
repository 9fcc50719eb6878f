// The aggregator's own inputs make batches as agents do, with no agent and no number:
// every one is stored, and the sender is answered after the commit. Any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "aggregator/store/acceptor.h"
#include "common/base/result.h"
#include "common/codec/batch/batch.h"

namespace opssight {

// layouts: those of contents that the store may not have. kExhausted above limits.
Result<IncomingBatch> MakeOwnBatch(const BatchContents& contents,
                                   std::vector<std::shared_ptr<const LayoutFrame>> layouts,
                                   std::int64_t now_ms, const BatchLimits& limits);

// UTC days since 1970.
constexpr std::uint32_t DayOfWallMs(std::int64_t now_ms) {
  return static_cast<std::uint32_t>((now_ms < 0 ? 0 : now_ms) / 86'400'000);
}

}  // namespace opssight
