// BatchAcceptor is what ingest asks of the store: keep this batch, tell me once
// it is durable, and what have you of this agent. It stands apart from Store so
// that sessions can be tested and simulated over one in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aggregator/store/runs.h"
#include "common/base/result.h"
#include "common/codec/batch/batch.h"

namespace opssight {

// A layout as it travels and as it is kept: verified, not decoded, which would take ten
// times the memory. Immutable, shared by all sessions.
struct LayoutFrame {
  LayoutId id;
  std::size_t series = 0;
  std::string frame;  // EncodeLayout's bytes.
};
inline LayoutFrame FrameOf(const Layout& layout) {
  return {.id = layout.id(), .series = layout.series().size(), .frame = EncodeLayout(layout)};
}

struct IncomingBatch {
  std::string agent_id;                         // UUID text; "" for the aggregator's own inputs.
  std::uint64_t epoch = 0;                      // Own inputs: 0, and no seq.
  std::uint64_t seq = 0;                        // From 1.
  std::uint64_t hash = 0;                       // Hash64(frame), already compared with the frame.
  std::string frame;                            // EncodeBatch's bytes, as received.
  std::shared_ptr<const DecodedBatch> decoded;  // Of frame; never null.
  // Every layout that the batch uses, known before or not: the store keeps those
  // that it has not yet, in the transaction of the batch. So a layout whose first
  // batch was refused is never missing later.
  std::vector<std::shared_ptr<const LayoutFrame>> layouts;
};

struct SubmitResult {
  enum class Kind : std::uint8_t {
    kStored,      // Durable now.
    kDuplicate,   // Was durable before; nothing was written.
    kOutOfOrder,  // Refused by the accept rule; expected says what fits.
    kError,       // Not kept; error says why. kInvalid: never will be; else: later.
  };
  Kind kind = Kind::kStored;
  std::uint64_t expected = 0;                // kOutOfOrder.
  Error error{ErrorCode::kUnavailable, {}};  // kError.
};

// What is durable of one (agent, epoch).
struct AgentProgress {
  std::vector<CommittedRun> runs;  // Ascending, not adjacent; empty: nothing yet.
};

class BatchAcceptor {
 public:
  using Done = std::function<void(SubmitResult)>;

  virtual ~BatchAcceptor() = default;

  // Any thread; never blocks. done is called exactly once, on any thread, maybe
  // before Submit returns (refused at once: too many bytes wait); must not block.
  virtual void Submit(IncomingBatch batch, Done done) = 0;

  // Any thread; one short read transaction. Holds everything whose done said
  // kStored before the call.
  virtual Result<AgentProgress> Progress(const std::string& agent_id, std::uint64_t epoch) = 0;
};

}  // namespace opssight
