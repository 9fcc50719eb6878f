#include "agent/scrape/series.h"

#include <algorithm>
#include <bit>
#include <utility>

#include <fmt/core.h>

#include "agent/scrape/series_taker.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bytes/hash.h"
#include "common/codec/expo/expo.h"
#include "common/model/record_bytes.h"

namespace opssight {
namespace {

constexpr std::int64_t kMetadataAgainMs = 3600 * kMsPerSecond;
constexpr std::size_t kErrorBytesMax = 300;
// Of one series in the exposition; rules may drop some before they are counted.
constexpr std::size_t kLabelsReadMax = 256;

double StaleNan() {
  return std::bit_cast<double>(kStaleNanBits);
}

FrameBuilder FrameOf(const SeriesRules& rules, const Target& target) {
  std::vector<Label> labels = rules.common;
  for (const Label& label : target.labels) labels.push_back(label);
  return FrameBuilder(std::move(labels));
}

}  // namespace

TargetSeries::TargetSeries(std::shared_ptr<const SeriesRules> rules, const Target& target,
                           ScrapeStats& stats)
    : rules_(std::move(rules)),
      target_(target),
      stats_(&stats),
      report_(FrameOf(*rules_, target)) {}

TargetSeries::~TargetSeries() = default;

std::uint64_t TargetSeries::HashOf(std::string_view name, std::span<const LabelView> labels) {
  key_.assign(name).push_back('\xff');
  for (const auto& [label, value] : labels) AppendLabelKey(label, value, key_);
  return Hash64(key_);
}

Result<TargetSeries::Entry*> TargetSeries::EntryOf(std::string_view name,
                                                   std::span<const LabelView> labels) {
  const std::uint64_t hash = HashOf(name, labels);
  auto found = entries_.find(hash);
  if (found == entries_.end()) {
    const auto dropped = dropped_.find(hash);
    if (dropped != dropped_.end()) {
      dropped->second = round_;
      return nullptr;
    }
    OPS_TRY(std::optional<NamedSeries> named, NameSeries(*rules_, target_.labels, name, labels));
    if (!named) {
      if (dropped_.size() < rules_->series_max) dropped_.emplace(hash, round_);
      return nullptr;
    }
    ++added_;
    found = entries_.emplace(hash, std::make_unique<Entry>(*std::move(named))).first;
  }
  found->second->seen = round_;
  return found->second.get();
}

bool TargetSeries::Keeps(std::string_view name, std::span<const LabelView> labels) {
  const std::uint64_t hash = HashOf(name, labels);
  if (entries_.contains(hash)) return true;
  if (dropped_.contains(hash)) return false;
  const auto named = NameSeries(*rules_, target_.labels, name, labels);
  return named && named->has_value();
}

Status TargetSeries::Take(const FetchAnswer& answer, std::int64_t time_ms, Sink& sink) {
  if (answer.status != 200) {
    return Unavailable(fmt::format("server returned HTTP status {}", answer.status));
  }
  body_bytes_ = static_cast<std::int64_t>(answer.body.size());
  stats_->bytes += answer.body.size();
  std::optional<expo::Format> format = expo::FormatOf(answer.content_type);
  if (!format) format = rules_->fallback;
  if (!format) {
    return Invalid(
        fmt::format("the Content-Type \"{}\" is none of a scrape, and there is no "
                    "fallback_scrape_protocol",
                    CleanLogLine(answer.content_type.substr(0, 100))));
  }
  frame_.Begin();
  Taker taker(*this, time_ms);
  OPS_RETURN_IF_ERROR(expo::Parse(answer.body,
                                  {.format = *format,
                                   .labels_max = kLabelsReadMax,
                                   .native = rules_->native_histograms,
                                   .classic_too = rules_->classic_too},
                                  taker));
  OPS_RETURN_IF_ERROR(taker.status());
  taker.Send(sink);
  stats_->duplicates += frame_.duplicates() - duplicates_;
  duplicates_ = frame_.duplicates();
  return {};
}

std::string TargetSeries::Scraped(const ScrapeOutcome& outcome, Sink& sink) {
  ++round_;
  scraped_ = kept_ = added_ = 0;
  body_bytes_ = 0;
  ++stats_->scrapes;
  Status status = *outcome.answer ? Take(**outcome.answer, outcome.time_ms, sink)
                                  : Status(outcome.answer->error());
  std::string wrong;
  if (status) {
    EndTracked(false, outcome.time_ms, sink);
    Forget(false);
  } else {
    ++stats_->failed;
    wrong = status.error().message.substr(0, kErrorBytesMax);
    if (!*outcome.answer && outcome.answer->error().code == ErrorCode::kExhausted) body_bytes_ = -1;
    EndSeries(outcome.time_ms, sink);
  }
  Report(outcome, status.has_value(), sink);
  return wrong;
}

void TargetSeries::EndSeries(std::int64_t time_ms, Sink& sink) {
  MetricRow stale = frame_.Retire(time_ms);
  if (!stale.values.empty()) sink.AcceptMetrics(std::move(stale));
  EndTracked(true, time_ms, sink);
  Forget(true);
}

void TargetSeries::EndTracked(bool all, std::int64_t time_ms, Sink& sink) {
  std::vector<LayoutSeries> timed;
  std::vector<HistogramRow> histograms;
  for (const auto& [hash, owned] : entries_) {
    Entry& entry = *owned;
    if (entry.tracked == 0 || entry.tracked + 1 != round_) continue;
    if (!all && entry.seen == round_) continue;
    if (entry.was_histogram) {
      histograms.push_back({.series = entry.Full(), .time_ms = time_ms, .histogram = {}});
      histograms.back().histogram.sum = StaleNan();
    } else {
      timed.push_back({.labels = *entry.Full(), .type = entry.type});
    }
  }
  if (!timed.empty()) {
    std::vector<double> values(timed.size(), StaleNan());
    sink.AcceptMetrics({.layout = std::make_shared<const Layout>(std::move(timed)),
                        .time_ms = time_ms,
                        .values = std::move(values)});
  }
  SendHistograms(std::move(histograms), sink);
}

void TargetSeries::Forget(bool all) {
  std::erase_if(entries_, [&](const auto& one) { return all || one.second->seen != round_; });
  std::erase_if(dropped_, [&](const auto& one) { return all || one.second != round_; });
}

void TargetSeries::Adopt(std::shared_ptr<const SeriesRules> rules, const Target& target,
                         ScrapeStats& stats, std::int64_t time_ms, Sink& sink) {
  target_ = target;
  stats_ = &stats;
  if (rules == rules_) return;
  const bool same_common = rules->common == rules_->common;
  const bool same = same_common && rules->relabel_text == rules_->relabel_text;
  if (!same_common) {
    Retire(time_ms, sink);
  } else if (!same) {
    ++round_;
    EndTracked(true, time_ms, sink);
    Forget(true);
  }
  rules_ = std::move(rules);
  if (!same_common) report_.emplace(FrameOf(*rules_, target_));
}

void TargetSeries::Report(const ScrapeOutcome& outcome, bool up, Sink& sink) {
  constexpr MetricType kGauge = MetricType::kGauge;
  report_->Begin();
  report_->Add("up", {}, kGauge, up ? 1 : 0);
  report_->Add("scrape_duration_seconds", {}, kGauge, outcome.duration_s);
  report_->Add("scrape_samples_scraped", {}, kGauge, static_cast<double>(scraped_));
  report_->Add("scrape_samples_post_metric_relabeling", {}, kGauge, static_cast<double>(kept_));
  report_->Add("scrape_series_added", {}, kGauge, static_cast<double>(up ? added_ : 0));
  if (rules_->extra_metrics) {
    report_->Add("scrape_timeout_seconds", {}, kGauge,
                 static_cast<double>(target_.timeout_ms) / 1e3);
    report_->Add("scrape_sample_limit", {}, kGauge, static_cast<double>(rules_->limits.samples));
    report_->Add("scrape_body_size_bytes", {}, kGauge, static_cast<double>(body_bytes_));
  }
  sink.AcceptMetrics(report_->End(outcome.time_ms));
  MetricRow stale = report_->TakeStale(outcome.time_ms);  // extra_metrics was switched off.
  if (!stale.values.empty()) sink.AcceptMetrics(std::move(stale));
}

void TargetSeries::Retire(std::int64_t time_ms, Sink& sink) {
  ++round_;
  EndSeries(time_ms, sink);
  MetricRow stale = report_->Retire(time_ms);
  if (!stale.values.empty()) sink.AcceptMetrics(std::move(stale));
}

void TargetSeries::SendMetadata(std::vector<MetricMetadata> families, std::int64_t time_ms,
                                Sink& sink) {
  std::vector<MetricMetadata> news;
  for (MetricMetadata& family : families) {
    Metadata& known = metadata_[family.name];
    known.seen = round_;
    const bool again = known.sent_ms != 0 && time_ms - known.sent_ms < kMetadataAgainMs;
    if (again && known.last == family) continue;
    known.last = family;
    known.sent_ms = time_ms;
    news.push_back(std::move(family));
  }
  std::erase_if(metadata_, [&](const auto& one) { return one.second.seen != round_; });
  InPieces(std::move(news), kPieceBytesMax,
           [&sink](auto piece) { sink.AcceptMetadata(std::move(piece)); });
}

}  // namespace opssight
