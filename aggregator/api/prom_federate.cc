// /federate: the newest sample of each selected series, for another Prometheus to scrape.
// As Prometheus does: untyped, with its time, and with instance="" where it has none, so
// that the scraper does not put its own there. Native histograms have no text form: a
// scraper gets them that asks for protobuf.
#include "aggregator/api/prom_federate.h"

#include <algorithm>
#include <bit>
#include <map>
#include <utility>

#include "aggregator/api/answer.h"
#include "aggregator/api/prom_endpoints.h"
#include "common/text/names.h"
#include "common/text/number.h"
#include "common/text/utf8.h"

namespace opssight {
namespace {

constexpr std::string_view kText = "text/plain; version=0.0.4; charset=utf-8; escaping=";
constexpr std::string_view kOpenMetrics =
    "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=";
constexpr std::string_view kProtobuf =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
    "encoding=delimited; escaping=";

struct Format {
  bool open_metrics = false;
  bool utf8 = false;  // Names may be quoted; otherwise what is not legal becomes _.
};

using Exposed = FederatedSample;

bool IsLegal(std::string_view name, bool metric) {
  return metric ? IsPlainMetricName(name) : IsPlainLabelName(name);
}

void AppendEscaped(std::string_view text, std::string& out) {
  for (const char c : text) {
    if (c == '\\' || c == '"') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out.push_back(c);
    }
  }
}

void AppendQuoted(std::string_view text, std::string& out) {
  out.push_back('"');
  AppendEscaped(text, out);
  out.push_back('"');
}

void AppendName(std::string_view name, bool metric, Format format, std::string& out) {
  if (IsLegal(name, metric)) {
    out += name;
  } else if (format.utf8) {
    AppendQuoted(name, out);
  } else {
    out += UnderscoredName(name, metric);
  }
}

void AppendLabels(const Exposed& exposed, Format format, bool name_inside, std::string& out) {
  out.push_back('{');
  bool first = true;
  const auto comma = [&] {
    if (!first) out.push_back(',');
    first = false;
  };
  if (name_inside) {
    comma();
    AppendQuoted(exposed.name, out);
  }
  for (const Label& label : *exposed.labels) {
    if (label.name == kMetricName) continue;
    comma();
    AppendName(label.name, false, format, out);
    out.push_back('=');
    AppendQuoted(label.value, out);
  }
  if (exposed.labels->Get("instance").empty()) {
    comma();
    out += "instance=\"\"";
  }
  out.push_back('}');
}

void AppendSample(const Exposed& exposed, Format format, std::string& out) {
  const bool name_inside = format.utf8 && !IsLegal(exposed.name, true);
  if (!name_inside) AppendName(exposed.name, true, format, out);
  AppendLabels(exposed, format, name_inside, out);
  out.push_back(' ');
  out += FormatGoG(exposed.value);
  out.push_back(' ');
  out += format.open_metrics ? SecondsText(exposed.time_ms) : std::to_string(exposed.time_ms);
  out.push_back('\n');
}

std::string Expose(const std::vector<Exposed>& all, Format format) {
  std::string out;
  std::string_view last;
  for (const Exposed& exposed : all) {
    if (exposed.histogram != nullptr) continue;
    if (exposed.name != last) {
      out += "# TYPE ";
      AppendName(exposed.name, true, format, out);
      out += format.open_metrics ? " unknown\n" : " untyped\n";
      last = exposed.name;
    }
    AppendSample(exposed, format, out);
  }
  if (format.open_metrics) out += "# EOF\n";
  return out;
}

bool IsStale(double value) {
  return std::bit_cast<std::uint64_t>(value) == kStaleNanBits;
}

// A series' newest sample: a number, or a histogram where that is not null.
struct Last {
  std::int64_t time_ms = 0;
  double value = 0;
  std::shared_ptr<const Histogram> histogram;
};
using Newest = std::map<Labels, Last>;

void AddNewest(Series series, Newest& newest) {
  Last last;
  if (!series.samples.empty()) {
    last.time_ms = series.samples.back().time_ms;
    last.value = series.samples.back().value;
  }
  if (!series.histograms.empty() &&
      (series.samples.empty() || series.histograms.back().time_ms > last.time_ms)) {
    last.time_ms = series.histograms.back().time_ms;
    last.histogram = std::move(series.histograms.back().histogram);
    last.value = last.histogram->sum;
  }
  const bool none = series.samples.empty() && last.histogram == nullptr;
  if (none || IsStale(last.value) || series.labels.Get(kMetricName).empty()) return;
  newest.try_emplace(std::move(series.labels), std::move(last));
}

// By name, then by labels.
std::vector<Exposed> Ordered(Newest& newest) {
  std::vector<Exposed> out;
  out.reserve(newest.size());
  for (auto& [labels, last] : newest) {
    out.push_back({.name = labels.Get(kMetricName),
                   .labels = &labels,
                   .time_ms = last.time_ms,
                   .value = last.value,
                   .histogram = std::move(last.histogram)});
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Exposed& a, const Exposed& b) { return a.name < b.name; });
  return out;
}

Status Collect(const PromContext& context, const PromCall& call, Newest& newest) {
  const std::int64_t now_ms = context.clock.WallMs();
  const std::int64_t from_ms = now_ms - context.engine.options().lookback_ms;
  OPS_TRY(const auto selectors, SelectorParameters(call.request));
  for (const std::vector<Matcher>& matchers : selectors) {
    auto found = context.sources.series.Select(matchers, from_ms, now_ms, call.limits);
    if (!found) return Internal(std::move(found.error().message));
    for (Series& series : *found) AddNewest(std::move(series), newest);
    if (Status fits = CheckSeries(newest.size(), call.limits); !fits) {
      return Internal(std::move(fits.error().message));
    }
  }
  return {};
}

}  // namespace

// A _ for each character, however many bytes it has.
std::string UnderscoredName(std::string_view name, bool metric) {
  std::string out;
  for (std::string_view rest = name; !rest.empty();) {
    const std::string_view one = rest.substr(0, DecodeUtf8(rest).size);
    const bool digit_first = out.empty() && one[0] >= '0' && one[0] <= '9';
    out.push_back(!digit_first && IsLegal("a" + std::string(one), metric) ? one[0] : '_');
    rest.remove_prefix(one.size());
  }
  return out;
}

HttpResponse AnswerFederate(const PromContext& context, const PromCall& call) {
  Newest newest;
  if (const Status status = Collect(context, call, newest); !status) {
    return TextResponse(status.error().code == ErrorCode::kInvalid ? 400 : 500,
                        status.error().message);
  }
  const std::string_view accept = call.request.Header("accept");
  const FederateOffer offer = FederateOfferOf(accept);
  const FederateForm form = offer.form;
  const Format format = {.open_metrics = form == FederateForm::kOpenMetrics, .utf8 = offer.utf8};
  std::string type(form == FederateForm::kProtobuf ? kProtobuf
                   : format.open_metrics           ? kOpenMetrics
                                                   : kText);
  type += format.utf8 ? "allow-utf-8" : "underscores";
  const std::vector<Exposed> all = Ordered(newest);
  return {.status = 200,
          .headers = {{"content-type", std::move(type)}},
          .body = form == FederateForm::kProtobuf ? FederateProtobuf(all, format.utf8)
                                                  : Expose(all, format)};
}

}  // namespace opssight
