// Any bytes are a remote-write request or refused; first byte: its version, or a snappy
// block. What is decoded stays inside the limits and inside the bytes.
#include <cstdint>
#include <string>

#include "common/bytes/snappy.h"
#include "common/codec/remote/write.h"

namespace {

void Check(bool ok) {
  if (!ok) __builtin_trap();
}

void Read(std::string_view bytes, opssight::WriteVersion version) {
  using namespace opssight;  // NOLINT(google-build-using-namespace)
  const WriteLimits limits{.body_bytes_max = 64UL << 10,
                           .decoded_bytes_max = 1UL << 20,
                           .series_max = 1000,
                           .labels_max = 8,
                           .label_name_bytes_max = 20,
                           .label_value_bytes_max = 50,
                           .labels_bytes_max = 100};
  WriteRequest request;
  if (!DecodeWrite(bytes, version, limits, request)) return;
  Check(request.series.size() <= 1000);
  std::vector<LabelView> labels;
  for (const WriteSeries& series : request.series) {
    Check(series.samples.begin + series.samples.count <= request.samples.size());
    Check(series.histograms.begin + series.histograms.count <= request.histograms.size());
    Check(series.exemplars.begin + series.exemplars.count <= request.exemplars.size());
    if (ReadLabels(request, series, limits, labels) != LabelFault::kNone) continue;
    Check(!labels.empty() && labels.size() <= 8);
  }
  for (const WriteExemplar& exemplar : request.exemplars) {
    Check(exemplar.labels + exemplar.label_count <= request.exemplar_labels.size());
  }
  for (const WriteHistogram& one : request.histograms) (void)CheckHistogram(one.histogram, 100);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string decoded;
  const bool packed = data[0] % 4 >= 2;
  if (packed && !opssight::SnappyDecompress(bytes, 64UL << 10, decoded)) return 0;
  Read(packed ? decoded : bytes,
       data[0] % 2 == 0 ? opssight::WriteVersion::kV1 : opssight::WriteVersion::kV2);
  return 0;
}
