// The form of /federate that has native histograms.
// https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto
#include <limits>
#include <optional>

#include "aggregator/api/prom_federate.h"
#include "aggregator/promql/histogram/cells.h"
#include "common/bytes/varint.h"
#include "common/bytes/wire.h"
#include "common/codec/http/headers.h"
#include "common/text/number.h"

namespace opssight {
namespace {

// MetricType of the protocol.
enum class FamilyType : std::uint64_t { kUntyped = 3, kHistogram = 4, kGaugeHistogram = 5 };

// The next part up to mark, without blanks around it.
std::string_view TakePart(std::string_view& rest, char mark) {
  const std::size_t end = rest.find(mark);
  std::string_view part = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  while (part.starts_with(' ')) part.remove_prefix(1);
  while (part.ends_with(' ')) part.remove_suffix(1);
  return part;
}

struct Offer {
  std::optional<FederateForm> form;  // Nothing: not one of ours.
  bool utf8 = false;
  double weight = 1;
};

Offer OfferOf(std::string_view text) {
  Offer offer;
  const std::string_view type = TakePart(text, ';');
  bool family = false;
  bool delimited = false;
  while (!text.empty()) {
    const std::string_view parameter = TakePart(text, ';');
    if (parameter.starts_with("q=")) offer.weight = ParseDouble(parameter.substr(2)).value_or(0);
    family = family || parameter == "proto=io.prometheus.client.metricfamily";
    delimited = delimited || parameter == "encoding=delimited";
    offer.utf8 = offer.utf8 || parameter == "escaping=allow-utf-8";
  }
  if (type == "text/plain") offer.form = FederateForm::kText;
  if (type == "application/openmetrics-text") offer.form = FederateForm::kOpenMetrics;
  if (type == "application/vnd.google.protobuf" && family && delimited) {
    offer.form = FederateForm::kProtobuf;
  }
  return offer;
}

void WriteSpans(WireWriter& out, std::uint32_t number, const std::vector<BucketSpan>& spans) {
  for (const BucketSpan& span : spans) {
    out.Message(number, [&span](WireWriter& message) {
      message.Signed(1, span.offset);
      message.Varint(2, span.length);
    });
  }
}

void WriteNative(WireWriter& out, const Histogram& histogram) {
  out.Double(4, histogram.count);
  out.Double(2, histogram.sum);
  out.Signed(5, histogram.schema);
  out.Double(6, histogram.zero_threshold);
  out.Double(8, histogram.zero_count);
  WriteSpans(out, 9, histogram.negative_spans);
  for (const double count : histogram.negative) out.Double(11, count);
  WriteSpans(out, 12, histogram.positive_spans);
  for (const double count : histogram.positive) out.Double(14, count);
}

// Bucket i reaches up to custom_values[i], the one after them to +Inf.
void WriteClassic(WireWriter& out, const Histogram& histogram) {
  const std::size_t buckets = histogram.custom_values.size() + 1;
  std::vector<double> counts(buckets, 0);
  promql::ForEachBucket(histogram.positive_spans, histogram.positive,
                        [&](std::int64_t index, double count) {
                          if (index < 0 || static_cast<std::size_t>(index) >= buckets) return;
                          counts[static_cast<std::size_t>(index)] += count;
                        });
  out.Double(4, histogram.count);
  out.Double(2, histogram.sum);
  double total = 0;
  for (std::size_t i = 0; i < buckets; ++i) {
    total += counts[i];
    out.Message(3, [&](WireWriter& bucket) {
      bucket.Double(4, total);
      bucket.Double(2, i + 1 == buckets ? std::numeric_limits<double>::infinity()
                                        : histogram.custom_values[i]);
    });
  }
}

void WriteMetric(WireWriter& out, const FederatedSample& sample, bool utf8) {
  const auto label = [&out](std::string_view name, std::string_view value) {
    out.Message(1, [&](WireWriter& pair) {
      pair.Bytes(1, name);
      pair.Bytes(2, value);
    });
  };
  for (const Label& one : *sample.labels) {
    if (one.name == kMetricName) continue;
    label(utf8 ? one.name : UnderscoredName(one.name, false), one.value);
  }
  if (sample.labels->Get("instance").empty()) label("instance", "");
  if (sample.histogram == nullptr) {
    out.Message(5, [&](WireWriter& untyped) { untyped.Double(1, sample.value); });
  } else {
    out.Message(7, [&](WireWriter& histogram) {
      sample.histogram->custom() ? WriteClassic(histogram, *sample.histogram)
                                 : WriteNative(histogram, *sample.histogram);
    });
  }
  out.Varint(6, static_cast<std::uint64_t>(sample.time_ms));
}

FamilyType TypeOf(const FederatedSample& sample) {
  if (sample.histogram == nullptr) return FamilyType::kUntyped;
  return sample.histogram->hint == ResetHint::kGauge ? FamilyType::kGaugeHistogram
                                                     : FamilyType::kHistogram;
}

}  // namespace

FederateOffer FederateOfferOf(std::string_view accept) {
  const std::string lower = AsciiLower(accept);
  std::string_view rest = lower;
  FederateOffer best;
  double weight = 0;
  while (!rest.empty()) {
    const Offer offer = OfferOf(TakePart(rest, ','));
    if (!offer.form || offer.weight <= weight) continue;
    best = {.form = *offer.form, .utf8 = offer.utf8};
    weight = offer.weight;
  }
  return best;
}

// A family holds samples of one name and type that follow each other.
std::string FederateProtobuf(const std::vector<FederatedSample>& all, bool utf8) {
  std::string out;
  for (std::size_t i = 0; i < all.size();) {
    std::string family;
    WireWriter writer(family);
    const FamilyType type = TypeOf(all[i]);
    const std::string_view name = all[i].name;
    writer.Bytes(1, utf8 ? std::string(name) : UnderscoredName(name, true));
    writer.Varint(3, static_cast<std::uint64_t>(type));
    for (; i < all.size() && all[i].name == name && TypeOf(all[i]) == type; ++i) {
      writer.Message(4, [&](WireWriter& metric) { WriteMetric(metric, all[i], utf8); });
    }
    PutVarint(out, family.size());
    out += family;
  }
  return out;
}

}  // namespace opssight
