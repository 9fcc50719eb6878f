#include "tests/promql/classic_histograms.h"

#include <cmath>
#include <limits>
#include <string>
#include <string_view>

#include "common/text/number.h"

namespace opssight::promqltest {

namespace {

Labels BaseLabels(const Labels& labels, std::string_view name) {
  std::vector<Label> base;
  for (const Label& label : labels) {
    if (label.name != "le" && label.name != kMetricName) base.push_back(label);
  }
  base.push_back({.name = std::string(kMetricName), .value = std::string(name)});
  return Labels(std::move(base));
}

bool TakeSuffix(std::string_view& name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return false;
  name.remove_suffix(suffix.size());
  return true;
}

}  // namespace

void ClassicHistograms::Add(const Labels& labels, std::int64_t time_ms, const Value& value) {
  if (value.histogram) return;
  std::string_view name = labels.Get(kMetricName);
  const auto parts = [&]() -> Parts& { return parts_[{BaseLabels(labels, name), time_ms}]; };
  if (TakeSuffix(name, "_bucket")) {
    const auto bound = ParseDouble(labels.Get("le"));
    if (bound && !std::isnan(*bound)) parts().buckets[*bound] = value.value;
  } else if (TakeSuffix(name, "_count")) {
    parts().count = value.value;
  } else if (TakeSuffix(name, "_sum")) {
    parts().sum = value.value;
  }
}

std::vector<ClassicHistograms::Made> ClassicHistograms::Convert() const {
  std::vector<Made> made;
  for (const auto& [key, parts] : parts_) {
    auto histogram = Convert(parts);
    if (!histogram) continue;
    made.push_back({.labels = key.first, .time_ms = key.second, .histogram = std::move(histogram)});
  }
  return made;
}

std::shared_ptr<const Histogram> ClassicHistograms::Convert(const Parts& parts) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::map<double, double> buckets = parts.buckets;
  const double last = buckets.empty() ? 0 : buckets.rbegin()->second;
  buckets.emplace(kInfinity, parts.count.value_or(last));
  auto histogram = std::make_shared<Histogram>();
  histogram->schema = kCustomBucketsSchema;
  histogram->count = buckets.rbegin()->second;
  histogram->sum = parts.sum.value_or(0);
  double before = 0;
  for (const auto& [bound, count] : buckets) {
    if (count < before) return nullptr;
    histogram->positive.push_back(count - before);
    if (bound < kInfinity) histogram->custom_values.push_back(bound);
    before = count;
  }
  histogram->positive_spans = {
      {.offset = 0, .length = static_cast<std::uint32_t>(histogram->positive.size())}};
  return histogram;
}

}  // namespace opssight::promqltest
