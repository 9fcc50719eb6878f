// The parts of a batch that belong to metrics and are not rows of a layout: native
// histograms, exemplars, metadata, and the series they name. Internal to this folder.
#pragma once

#include <vector>

#include "common/base/result.h"
#include "common/codec/batch/batch.h"
#include "common/codec/batch/reader.h"
#include "common/codec/batch/writer.h"

namespace opssight::batch {

Error Bad(std::string_view what);

// Empty where there are none, so that a batch without them is not larger.
struct MetricRecordsAt {
  Offset<Vector<Offset<wire::SeriesLabels>>> series;
  Offset<Vector<Offset<wire::HistogramRow>>> histograms;
  Offset<Vector<Offset<wire::Exemplar>>> exemplars;
  Offset<Vector<Offset<wire::MetricMetadata>>> metadata;
};
MetricRecordsAt WriteMetricRecords(flatbuffers::FlatBufferBuilder& builder,
                                   const BatchContents& contents);

std::vector<Label> ReadPairs(const Vector<Offset<wire::Pair>>& pairs, Reader& reader);

struct MetricRecordsInto {
  std::vector<HistogramRow>& histograms;
  std::vector<Exemplar>& exemplars;
  std::vector<MetricMetadata>& metadata;
};
// Appends. What CheckRecord refuses refuses the batch.
Status ReadMetricRecords(const wire::Batch& batch, const BatchLimits& limits, Reader& reader,
                         MetricRecordsInto out);

}  // namespace opssight::batch
