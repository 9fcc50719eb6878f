// The part of a batch that says what its agent scrapes. Internal to this folder.
#pragma once

#include <memory>

#include "common/base/result.h"
#include "common/codec/batch/batch.h"
#include "common/codec/batch/reader.h"
#include "common/codec/batch/writer.h"

namespace opssight::batch {

// Nothing for null.
Offset<wire::Targets> WriteTargets(flatbuffers::FlatBufferBuilder& builder,
                                   const TargetsSnapshot* targets);

// Null where the batch says nothing of them. What is beyond the limits is left out and
// counted in the snapshot: a batch is not refused for it.
Result<std::shared_ptr<const TargetsSnapshot>> ReadTargets(const wire::Targets* targets,
                                                           const TargetsLimits& limits,
                                                           Reader& reader);

}  // namespace opssight::batch
