// Any text as a query is refused or answered, within its limits, whatever it asks for.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "aggregator/promql/engine/engine.h"
#include "tests/support/memory_series.h"

namespace {

using namespace opssight;  // NOLINT(google-build-using-namespace)

std::shared_ptr<const Histogram> SomeHistogram(int i) {
  Histogram histogram;
  histogram.schema = i % 5 == 4 ? kCustomBucketsSchema : i % 3;
  if (histogram.custom()) histogram.custom_values = {1, 2, 5};
  histogram.count = 3 + i;
  histogram.sum = i;
  histogram.positive_spans = {{.offset = 0, .length = 2}};
  histogram.positive = {1.0 + i, 2};
  return std::make_shared<const Histogram>(std::move(histogram));
}

MemorySeries Fill() {
  MemorySeries source;
  for (int i = 0; i < 20; ++i) {
    const std::int64_t time_ms = i * 15'000;
    for (const char* le : {"0.1", "1", "+Inf"}) {
      source.Add(Labels{{"__name__", "x_bucket"}, {"job", "a"}, {"le", le}}, time_ms, i * 3);
    }
    source.Add(Labels{{"__name__", "x_total"}, {"job", "a"}, {"instance", "1"}}, time_ms, i % 7);
    source.Add(Labels{{"__name__", "x_total"}, {"job", "b"}, {"instance", "2"}}, time_ms, -i);
    source.Add(Labels{{"__name__", "target_info"}, {"job", "a"}, {"instance", "1"}, {"v", "2"}},
               time_ms, 1);
    source.Add(Labels{{"__name__", "h"}, {"job", "a"}}, time_ms, SomeHistogram(i));
  }
  return source;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const MemorySeries kSource = Fill();
  promql::EngineOptions options;
  options.delayed_name_removal = size % 2 == 0;
  options.use_start_timestamps = size % 3 == 0;
  options.parse = {.experimental_functions = true,
                   .extended_range_selectors = true,
                   .binop_fill_modifiers = true};
  const promql::Engine engine(options);
  promql::QueryRequest request;
  request.text.assign(reinterpret_cast<const char*>(data), size);
  request.limits.samples_max = 20'000;
  // Nothing may run for long: what is asked often enough is no longer wanted.
  int asked = 0;
  request.limits.cancelled = [&asked] { return ++asked > 20000; };
  request.start_ms = request.end_ms = 200'000;
  (void)engine.Run(kSource, request);
  request.start_ms = -100'000;
  request.end_ms = 400'000;
  request.step_ms = 7'000;
  (void)engine.Run(kSource, request);
  return 0;
}
