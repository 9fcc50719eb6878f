// Any bytes behind the compression are a batch (or a layout) or refused, and a
// batch's views stay inside it.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/bytes/zstd.h"
#include "common/codec/batch/batch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace opssight;  // NOLINT(google-build-using-namespace)
  const std::string_view raw(reinterpret_cast<const char*>(data), size);
  const BatchLimits limits{.bytes_max = 1 << 20, .tables_max = 10'000};
  (void)DecodedBatch::Decode(raw, limits).has_value();
  const std::string frame = ZstdCompress(raw);
  (void)DecodeLayout(frame, limits).has_value();
  const auto batch = DecodedBatch::Decode(frame, limits);
  if (!batch) return 0;
  for (const LogRowsView& rows : (*batch)->logs()) {
    std::size_t total = 0;
    for (std::size_t row = 0; row < rows.times.size(); ++row) total += rows.Line(row).size();
    if (total != rows.text.size()) std::abort();
  }
  for (const MetricRowsView& rows : (*batch)->metrics()) {
    double sum = 0;
    for (const double value : rows.values) sum += value;
    if (rows.values.size() % rows.times.size() != 0 && sum != 0) std::abort();
  }
  for (const HistogramRow& row : (*batch)->histograms()) {
    std::uint64_t buckets = 0;
    for (const BucketSpan& span : row.histogram.positive_spans) buckets += span.length;
    if (row.series == nullptr || buckets != row.histogram.positive.size()) std::abort();
  }
  for (const Exemplar& exemplar : (*batch)->exemplars()) {
    if (exemplar.series == nullptr) std::abort();
  }
  for (const MetricMetadata& one : (*batch)->metadata()) {
    if (one.name.empty()) std::abort();
  }
  if (const auto& targets = (*batch)->targets(); targets != nullptr) {
    JsonWriter json;
    WriteTargets(PoolsOf(*targets), {}, json);
    if (BytesOf(*targets) > 2 * limits.targets.bytes_max) std::abort();
  }
  return 0;
}
