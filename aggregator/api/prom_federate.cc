// /federate: the newest sample of each selected series, for another Prometheus to scrape.
// As Prometheus does: untyped, with its time, and with instance="" where it has none, so
// that the scraper does not put its own there. Native histograms have no text form: a
// scraper gets them that asks for protobuf.
#include "aggregator/api/prom_federate.h"

#include <algorithm>
#include <bit>
#include <iterator>

#include "aggregator/api/answer.h"
#include "aggregator/api/prom_endpoints.h"
#include "common/text/number.h"

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
  const auto fits = [metric](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (metric && c == ':');
  };
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
         std::all_of(name.begin(), name.end(), fits);
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

std::vector<Exposed> Newest(const std::vector<Series>& all) {
  std::vector<Exposed> out;
  for (const Series& series : all) {
    const std::string_view name = series.labels.Get(kMetricName);
    Exposed newest{.name = name, .labels = &series.labels};
    if (!series.samples.empty()) {
      newest.time_ms = series.samples.back().time_ms;
      newest.value = series.samples.back().value;
    }
    if (!series.histograms.empty() &&
        (series.samples.empty() || series.histograms.back().time_ms > newest.time_ms)) {
      newest.time_ms = series.histograms.back().time_ms;
      newest.histogram = series.histograms.back().histogram;
      newest.value = newest.histogram->sum;
    }
    const bool none = series.samples.empty() && newest.histogram == nullptr;
    if (!name.empty() && !none && !IsStale(newest.value)) out.push_back(std::move(newest));
  }
  std::sort(out.begin(), out.end(), [](const Exposed& a, const Exposed& b) {
    return a.name != b.name ? a.name < b.name : *a.labels < *b.labels;
  });
  const auto same = [](const Exposed& a, const Exposed& b) { return *a.labels == *b.labels; };
  out.erase(std::unique(out.begin(), out.end(), same), out.end());
  return out;
}

}  // namespace

std::string UnderscoredName(std::string_view name, bool metric) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool digit_first = i == 0 && name[i] >= '0' && name[i] <= '9';
    out.push_back(!digit_first && IsLegal("a" + std::string(1, name[i]), metric) ? name[i] : '_');
  }
  return out;
}

HttpResponse AnswerFederate(const PromContext& context, const PromCall& call) {
  const std::int64_t now_ms = context.clock.WallMs();
  std::vector<Series> all;
  for (const auto& [name, text] : call.request.params) {
    if (name != "match[]") continue;
    const auto matchers = promql::ParseMetricSelector(text);
    if (!matchers) return TextResponse(400, matchers.error().message);
    auto found = context.sources.series.Select(
        *matchers, now_ms - context.engine.options().lookback_ms, now_ms, call.limits);
    if (!found) return TextResponse(500, found.error().message);
    std::move(found->begin(), found->end(), std::back_inserter(all));
  }
  const std::string_view accept = call.request.Header("accept");
  const FederateForm form = FederateFormOf(accept);
  const Format format = {
      .open_metrics = form == FederateForm::kOpenMetrics,
      .utf8 = AsciiLower(accept).find("escaping=allow-utf-8") != std::string::npos};
  std::string type(form == FederateForm::kProtobuf ? kProtobuf
                   : format.open_metrics           ? kOpenMetrics
                                                   : kText);
  type += format.utf8 ? "allow-utf-8" : "underscores";
  const std::vector<Exposed> newest = Newest(all);
  return {.status = 200,
          .headers = {{"content-type", std::move(type)}},
          .body = form == FederateForm::kProtobuf ? FederateProtobuf(newest, format.utf8)
                                                  : Expose(newest, format)};
}

}  // namespace opssight
