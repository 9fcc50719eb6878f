#include "agent/spool/gaps.h"

#include <algorithm>

#include "common/base/clock.h"
#include "common/model/labels.h"

namespace opssight {
namespace {

std::string ServiceOf(const Span& span) {
  if (span.resource == nullptr) return "";
  for (const Attribute& attribute : span.resource->attributes) {
    if (attribute.key == "service.name") return attribute.value.text;
  }
  return "";
}

std::string StreamOf(const Labels& labels) {
  return std::string(labels.Get("job")) + "/" + std::string(labels.Get("instance"));
}

}  // namespace

std::string GapStream(const Layout& layout) {
  return layout.series().empty() ? "" : StreamOf(layout.series().front().labels);
}

void GapCollector::Add(const Gap& gap) {
  Gap one = gap;
  auto it = gaps_.find({one.signal, one.stream, one.reason});
  if (it == gaps_.end() && gaps_.size() >= streams_max_) {
    one.stream.clear();
    // Reasons come from few places; "several" keeps the bound should that change.
    if (gaps_.size() >= 2 * streams_max_) one.reason = "several";
    it = gaps_.find({one.signal, one.stream, one.reason});
  }
  if (it == gaps_.end()) {
    gaps_.try_emplace({one.signal, one.stream, one.reason}, one);
    return;
  }
  Gap& sum = it->second;
  sum.from_ns = std::min(sum.from_ns, one.from_ns);
  sum.to_ns = std::max(sum.to_ns, one.to_ns);
  sum.count += one.count;
}

void GapCollector::AddMetrics(const std::vector<MetricRowsView>& metrics, std::string_view reason,
                              const LayoutName& name) {
  for (const MetricRowsView& rows : metrics) {
    const auto [from, to] = std::minmax_element(rows.times.begin(), rows.times.end());
    Add({.signal = Signal::kMetrics,
         .stream = name(rows.layout),
         .from_ns = *from * kNsPerMs,
         .to_ns = *to * kNsPerMs,
         .count = rows.times.size(),
         .reason = std::string(reason)});
  }
}

void GapCollector::AddBatch(const DecodedBatch& batch, std::string_view reason,
                            const LayoutName& name) {
  AddMetrics(batch.metrics(), reason, name);
  for (const LogRowsView& rows : batch.logs()) {
    if (rows.times.empty()) continue;
    std::vector<Label> labels;
    for (const auto& [label, value] : rows.labels) {
      labels.push_back({.name = std::string(label), .value = std::string(value)});
    }
    const auto [from, to] = std::minmax_element(rows.times.begin(), rows.times.end());
    Add({.signal = Signal::kLogs,
         .stream = Labels(std::move(labels)).ToString(),
         .from_ns = *from,
         .to_ns = *to,
         .count = rows.times.size(),
         .reason = std::string(reason)});
  }
  AddHistograms(batch.histograms(), reason);
  AddExemplars(batch.exemplars(), reason);
  AddSpans(batch.spans(), reason);
  for (const Gap& gap : batch.gaps()) Add(gap);
}

void GapCollector::AddSummary(const BatchSummary& summary, std::string_view reason) {
  for (std::size_t i = 0; i < summary.counts.size(); ++i) {
    if (summary.counts[i] == 0) continue;
    Add({.signal = static_cast<Signal>(i),
         .stream = "",
         .from_ns = summary.from_ns,
         .to_ns = summary.to_ns,
         .count = summary.counts[i],
         .reason = std::string(reason)});
  }
}

void GapCollector::AddMetrics(const std::vector<MetricRow>& rows, std::string_view reason) {
  for (const MetricRow& row : rows) {
    Add({.signal = Signal::kMetrics,
         .stream = GapStream(*row.layout),
         .from_ns = row.time_ms * kNsPerMs,
         .to_ns = row.time_ms * kNsPerMs,
         .count = 1,
         .reason = std::string(reason)});
  }
}

template <class T>
void GapCollector::AddOfSeries(const std::vector<T>& records, std::string_view reason) {
  for (const T& record : records) {
    Add({.signal = Signal::kMetrics,
         .stream = StreamOf(*record.series),
         .from_ns = record.time_ms * kNsPerMs,
         .to_ns = record.time_ms * kNsPerMs,
         .count = 1,
         .reason = std::string(reason)});
  }
}

void GapCollector::AddHistograms(const std::vector<HistogramRow>& rows, std::string_view reason) {
  AddOfSeries(rows, reason);
}

void GapCollector::AddExemplars(const std::vector<Exemplar>& exemplars, std::string_view reason) {
  AddOfSeries(exemplars, reason);
}

void GapCollector::AddLogs(const std::vector<LogRows>& logs, std::string_view reason) {
  for (const LogRows& rows : logs) {
    if (rows.rows.empty()) continue;
    const auto [from, to] = std::minmax_element(
        rows.rows.begin(), rows.rows.end(),
        [](const LogRows::Row& a, const LogRows::Row& b) { return a.time_ns < b.time_ns; });
    Add({.signal = Signal::kLogs,
         .stream = rows.stream->ToString(),
         .from_ns = from->time_ns,
         .to_ns = to->time_ns,
         .count = rows.rows.size(),
         .reason = std::string(reason)});
  }
}

void GapCollector::AddSpans(const std::vector<Span>& spans, std::string_view reason) {
  for (const Span& span : spans) {
    Add({.signal = Signal::kSpans,
         .stream = ServiceOf(span),
         .from_ns = span.start_ns,
         .to_ns = span.start_ns,
         .count = 1,
         .reason = std::string(reason)});
  }
}

std::vector<Gap> GapCollector::gaps() const {
  std::vector<Gap> out;
  for (const auto& [key, gap] : gaps_) out.push_back(gap);
  return out;
}

}  // namespace opssight
