// Any bytes are delimited MetricFamily messages or refused. What is handed over is inside
// the limits; histograms go on to CheckHistogram as they do in the agent.
#include <cstdint>
#include <string>

#include "common/codec/expo/expo.h"
#include "common/text/utf8.h"

namespace {

void Check(bool ok) {
  if (!ok) __builtin_trap();
}

class Checks final : public opssight::expo::Visitor {
 public:
  void OnSample(const opssight::expo::SampleView& sample) override {
    Check(!sample.name.empty() && opssight::IsUtf8(sample.name));
    Check(sample.labels.size() <= 5);  // With le.
  }
  void OnHistogram(const opssight::expo::HistogramView& view,
                   opssight::Histogram histogram) override {
    Check(!view.name.empty() && view.labels.size() <= 4);
    (void)opssight::CheckHistogram(histogram, 100);
  }
  void OnFamily(const opssight::expo::FamilyView& family) override { Check(!family.name.empty()); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Checks checks;
  (void)opssight::expo::Parse({reinterpret_cast<const char*>(data), size},
                              {.format = opssight::expo::Format::kProtobuf,
                               .labels_max = 4,
                               .buckets_max = 100,
                               .classic_too = true},
                              checks);
  return 0;
}
