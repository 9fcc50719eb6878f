// MB/s of a page of metrics in text. The page is standard input, such as that of
// prometheus-node-exporter; --open reads it as OpenMetrics.
#include <cstdio>
#include <ctime>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

#include "common/codec/expo/expo.h"

namespace {

double CpuNs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

class Count final : public opssight::expo::Visitor {
 public:
  void OnSample(const opssight::expo::SampleView& sample) override {
    ++samples;
    sum += sample.value;
  }
  void OnHistogram(const opssight::expo::HistogramView&, opssight::Histogram) override {}
  void OnFamily(const opssight::expo::FamilyView&) override {}
  std::size_t samples = 0;
  double sum = 0;
};

}  // namespace

int main(int argc, char** argv) {
  using namespace opssight::expo;  // NOLINT(google-build-using-namespace)
  const bool open = argc > 1 && std::string_view(argv[1]) == "--open";
  const std::string body(std::istreambuf_iterator<char>(std::cin), {});
  const ParseOptions options{.format = open ? Format::kOpenMetrics : Format::kText};
  constexpr int kRounds = 7;
  constexpr int kCalls = 200;
  double best = 1e300;
  std::size_t samples = 0;
  for (int round = 0; round < kRounds; ++round) {
    const double start = CpuNs();
    for (int call = 0; call < kCalls; ++call) {
      Count count;
      if (const auto status = Parse(body, options, count); !status) {
        std::cerr << status.error().message << "\n";
        return 1;
      }
      samples = count.samples;
    }
    best = std::min(best, (CpuNs() - start) / kCalls);
  }
  std::printf("%zu bytes, %zu samples: %.0f MB/s, %.0f ns a sample\n", body.size(), samples,
              static_cast<double>(body.size()) / best * 1e3, best / static_cast<double>(samples));
  return 0;
}
