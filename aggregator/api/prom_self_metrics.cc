// status/self_metrics: the program's own metrics as protobuf's JSON of
// io.prometheus.client.MetricFamily, read back from the text that /metrics shows.
#include <map>
#include <optional>
#include <vector>

#include <re2/re2.h>

#include "aggregator/api/answer.h"
#include "aggregator/api/prom_endpoints.h"
#include "common/codec/expo/expo.h"
#include "common/text/number.h"

namespace opssight {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Metric {
  Pairs labels;
  double value = 0;
  // Of a histogram.
  std::vector<std::pair<std::string, double>> buckets;  // By le, added up.
  double sum = 0;
  double count = 0;
};

struct Family {
  std::string name;
  std::string help;
  MetricType type = MetricType::kUnknown;
  std::map<Pairs, Metric> metrics;
};

class Collect final : public expo::Visitor {
 public:
  explicit Collect(const RE2* wanted) : wanted_(wanted) {}

  void OnFamily(const expo::FamilyView& family) override {
    Family& known = families_[std::string(family.name)];
    known.name = family.name;
    if (!family.help.empty()) known.help = family.help;
    if (family.type != MetricType::kUnknown) known.type = family.type;
  }
  void OnSample(const expo::SampleView& sample) override {
    std::string name(sample.name);
    if (sample.type == MetricType::kHistogram) {
      name = std::string(sample.name.substr(0, sample.name.rfind('_')));
    }
    Family& family = families_[name];
    if (family.name.empty()) family.name = name;
    if (family.type == MetricType::kUnknown) family.type = sample.type;
    Pairs labels;
    std::string bound;
    for (const auto& [label, value] : sample.labels) {
      if (sample.type == MetricType::kHistogram && label == "le") {
        bound = value;
      } else {
        labels.emplace_back(label, value);
      }
    }
    Metric& metric = family.metrics[labels];
    metric.labels = std::move(labels);
    Put(sample, bound, metric);
  }
  void OnHistogram(const expo::HistogramView&, Histogram) override {}  // Text has none.

  // What is wanted of them, by name.
  std::vector<const Family*> Found() const {
    std::vector<const Family*> out;
    for (const auto& [name, family] : families_) {
      if (wanted_ == nullptr || RE2::FullMatch(name, *wanted_)) out.push_back(&family);
    }
    return out;
  }

 private:
  static void Put(const expo::SampleView& sample, const std::string& bound, Metric& metric) {
    if (sample.type != MetricType::kHistogram) {
      metric.value = sample.value;
    } else if (sample.name.ends_with("_bucket")) {
      metric.buckets.emplace_back(bound, sample.value);
    } else if (sample.name.ends_with("_sum")) {
      metric.sum = sample.value;
    } else {
      metric.count = sample.value;
    }
  }

  const RE2* wanted_;
  std::map<std::string, Family> families_;
};

std::string_view TypeText(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "COUNTER";
    case MetricType::kHistogram:
      return "HISTOGRAM";
    case MetricType::kGauge:
      return "GAUGE";
    default:
      return "UNTYPED";
  }
}

// Numbers as JSON has them; what is none is a text there.
void WriteReal(JsonWriter& json, double value) {
  const std::string text = FormatDouble(value);
  if (text == "+Inf") {
    json.String("Infinity");
  } else if (text == "-Inf") {
    json.String("-Infinity");
  } else if (text == "NaN") {
    json.String(text);
  } else {
    json.Raw(text);
  }
}

void WriteMetric(JsonWriter& json, MetricType type, const Metric& metric) {
  json.Open('{').Key("label").Open('[');
  for (const auto& [name, value] : metric.labels) {
    json.Open('{').Key("name").String(name).Key("value").String(value).Close('}');
  }
  json.Close(']');
  if (type != MetricType::kHistogram) {
    json.Key(type == MetricType::kCounter ? "counter"
             : type == MetricType::kGauge ? "gauge"
                                          : "untyped");
    json.Open('{').Key("value");
    WriteReal(json, metric.value);
    json.Close('}').Close('}');
    return;
  }
  json.Key("histogram").Open('{').Key("sampleCount").String(FormatDouble(metric.count));
  json.Key("sampleSum");
  WriteReal(json, metric.sum);
  json.Key("bucket").Open('[');
  for (const auto& [bound, count] : metric.buckets) {
    if (bound == "+Inf") continue;  // As client libraries have it: that is sampleCount.
    json.Open('{').Key("cumulativeCount").String(FormatDouble(count));
    json.Key("upperBound").Raw(bound).Close('}');
  }
  json.Close(']').Close('}').Close('}');
}

}  // namespace

PromResult AnswerSelfMetrics(const PromContext& context, const PromCall& call) {
  const std::string pattern(call.request.Param("metric_name_pattern"));
  const RE2 wanted(pattern, RE2::Quiet);
  if (!wanted.ok()) return BadParameter("metric_name_pattern", wanted.error());
  Collect collect(pattern.empty() ? nullptr : &wanted);
  if (context.sources.server != nullptr && context.sources.server->own_metrics) {
    const std::string text = context.sources.server->own_metrics();  // Outlives what is parsed.
    OPS_RETURN_IF_ERROR(expo::Parse(text, {}, collect));
  }
  JsonWriter json;
  OpenSuccess(json);
  json.Open('[');
  for (const Family* family : collect.Found()) {
    json.Open('{').Key("name").String(family->name).Key("help").String(family->help);
    json.Key("type").String(TypeText(family->type)).Key("metric").Open('[');
    for (const auto& [labels, metric] : family->metrics) WriteMetric(json, family->type, metric);
    json.Close(']').Close('}');
  }
  json.Close(']');
  return CloseSuccess(std::move(json));
}

}  // namespace opssight
