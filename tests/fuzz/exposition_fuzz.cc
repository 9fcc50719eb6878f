// Any bytes are an exposition in text or refused; first byte: Prometheus text or
// OpenMetrics. What is handed over is inside the limits, UTF-8 and named.
#include <cmath>
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
    Check(sample.labels.size() <= 4);
    for (const auto& [name, value] : sample.labels) {
      Check(!name.empty() && opssight::IsUtf8(name) && opssight::IsUtf8(value));
    }
    if (sample.exemplar != nullptr) Check(sample.exemplar->labels.size() <= 4);
  }
  void OnHistogram(const opssight::expo::HistogramView&, opssight::Histogram) override {
    Check(false);
  }
  void OnFamily(const opssight::expo::FamilyView& family) override { Check(!family.name.empty()); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  using opssight::expo::Format;
  Checks checks;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  (void)opssight::expo::Parse(
      body, {.format = data[0] % 2 == 0 ? Format::kText : Format::kOpenMetrics, .labels_max = 4},
      checks);
  return 0;
}
