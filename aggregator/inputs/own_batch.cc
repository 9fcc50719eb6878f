#include "aggregator/inputs/own_batch.h"

#include <utility>

#include "common/bytes/hash.h"

namespace opssight {

Result<IncomingBatch> MakeOwnBatch(const BatchContents& contents,
                                   std::vector<std::shared_ptr<const LayoutFrame>> layouts,
                                   std::int64_t now_ms, const BatchLimits& limits) {
  IncomingBatch batch;
  batch.frame = EncodeBatch(contents, now_ms);
  batch.hash = Hash64(batch.frame);
  // What the store is handed is what it will read back after a crash.
  OPS_TRY(batch.decoded, DecodedBatch::Decode(batch.frame, limits));
  batch.layouts = std::move(layouts);
  return batch;
}

}  // namespace opssight
