#include "agent/scrape/series.h"

#include <algorithm>
#include <bit>
#include <utility>

#include <fmt/core.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bytes/hash.h"

namespace opssight {
namespace {

constexpr std::int64_t kFutureMsMax = 600 * kMsPerSecond;  // As Prometheus.
constexpr std::int64_t kMetadataAgainMs = 3600 * kMsPerSecond;
constexpr std::size_t kMetadataMax = 20'000;  // Families of one target.
constexpr std::size_t kErrorBytesMax = 300;
// What the aggregator takes of a layout (BatchLimits): labels of a series, and about its
// bytes. A scrape over them fails, as its batch would never be taken.
constexpr std::size_t kLabelsMax = 64;
constexpr std::size_t kLayoutBytesMax = 48UL << 20;
constexpr std::size_t kLabelOverhead = 40;

double StaleNan() {
  return std::bit_cast<double>(kStaleNanBits);
}

std::vector<LabelView> ViewsOf(const std::vector<Label>& labels) {
  std::vector<LabelView> views;
  for (const Label& label : labels) views.emplace_back(label.name, label.value);
  return views;
}

FrameBuilder FrameOf(const SeriesRules& rules, const Target& target) {
  std::vector<Label> labels = rules.common;
  for (const Label& label : target.labels) labels.push_back(label);
  return FrameBuilder(std::move(labels));
}

// A label that both have: the series' own goes under another name.
void RenameClashes(const Labels& target, std::vector<Label>& labels) {
  std::vector<Label> clashes;
  for (const Label& label : target) {
    const std::string own(LabelOf(labels, label.name));
    if (!own.empty()) clashes.push_back({label.name, own});
    SetLabel(labels, label.name, label.value);
  }
  std::stable_sort(clashes.begin(), clashes.end(),
                   [](const Label& a, const Label& b) { return a.name.size() < b.name.size(); });
  for (const Label& clash : clashes) {
    std::string name = "exported_" + clash.name;
    while (!LabelOf(labels, name).empty()) name.insert(0, "exported_");
    SetLabel(labels, name, clash.value);
  }
}

Status CheckLabels(const std::vector<Label>& labels, const ScrapeLimits& limits) {
  if (limits.labels != 0 && labels.size() > limits.labels) {
    return Exhausted(
        fmt::format("label_limit: a series has {} labels, limit {}", labels.size(), limits.labels));
  }
  for (const Label& label : labels) {
    if (limits.label_name_bytes != 0 && label.name.size() > limits.label_name_bytes) {
      return Exhausted(fmt::format("label_name_length_limit: a name of {} bytes, limit {}",
                                   label.name.size(), limits.label_name_bytes));
    }
    if (limits.label_value_bytes != 0 && label.value.size() > limits.label_value_bytes) {
      return Exhausted(fmt::format("label_value_length_limit: {} has {} bytes, limit {}",
                                   label.name, label.value.size(), limits.label_value_bytes));
    }
  }
  return {};
}

}  // namespace

// One series as the target names it, and what the rules make of it.
struct TargetSeries::Entry {
  bool dropped = false;
  std::size_t bytes = 0;  // In a layout, about.
  std::string name;
  std::vector<Label> labels;     // Without the name.
  std::vector<LabelView> views;  // Of labels.
  std::uint64_t seen = 0;        // Round.
  std::uint64_t timed = 0;       // Round in which it came with a time of its own.
  std::uint64_t histogram = 0;   // Round in which it was a native histogram.
  std::uint64_t exemplar_hash = 0;
  MetricType type = MetricType::kUnknown;
  std::shared_ptr<const Labels> full;  // With the name; made when first needed.

  const std::shared_ptr<const Labels>& Full() {
    if (full == nullptr) {
      std::vector<Label> all = labels;
      all.push_back({std::string(kMetricName), name});
      full = std::make_shared<const Labels>(std::move(all));
    }
    return full;
  }
};

// Gathers what one answer says; nothing is sent before all of it was read.
class TargetSeries::Taker final : public expo::Visitor {
 public:
  Taker(TargetSeries& series, std::int64_t time_ms) : series_(series), time_ms_(time_ms) {}

  void OnSample(const expo::SampleView& sample) override {
    Entry* entry = Find(sample.name, sample.labels);
    if (entry == nullptr || !Count(*entry)) return;
    const bool timed = sample.time_ms && series_.rules_.honor_timestamps;
    if (timed && *sample.time_ms > time_ms_ + kFutureMsMax) {
      ++series_.stats_.out_of_bounds;
      return;
    }
    entry->type = sample.type;
    if (timed) {
      entry->timed = series_.round_;
      timed_[*sample.time_ms].emplace_back(entry, sample.value);
    } else {
      series_.frame_.Add(entry->name, entry->views, sample.type, sample.value);
    }
    if (sample.exemplar != nullptr) {
      TakeExemplar(*entry, *sample.exemplar, timed ? *sample.time_ms : time_ms_);
    }
  }

  void OnHistogram(const expo::HistogramView& view, Histogram histogram) override {
    Entry* entry = Find(view.name, view.labels);
    if (entry == nullptr || !Count(*entry)) return;
    const bool timed = view.time_ms && series_.rules_.honor_timestamps;
    if (entry->histogram == series_.round_) {
      ++series_.stats_.duplicates;
      return;
    }
    entry->histogram = series_.round_;
    const std::int64_t time_ms = timed ? *view.time_ms : time_ms_;
    histograms_.push_back(
        {.series = entry->Full(), .time_ms = time_ms, .histogram = std::move(histogram)});
    for (const expo::ExemplarView& exemplar : view.exemplars) {
      TakeExemplar(*entry, exemplar, time_ms);
    }
  }

  void OnFamily(const expo::FamilyView& family) override {
    if (families_.size() == kMetadataMax) return;
    families_.push_back({.name = std::string(family.name),
                         .type = family.type,
                         .help = std::string(family.help),
                         .unit = std::string(family.unit)});
  }

  const Status& status() const { return status_; }

  void Send(Sink& sink) {
    MetricRow row = series_.frame_.End(time_ms_);
    series_.stats_.samples += row.values.size();
    if (!row.values.empty()) sink.AcceptMetrics(std::move(row));
    MetricRow stale = series_.frame_.TakeStale(time_ms_);
    if (!stale.values.empty()) sink.AcceptMetrics(std::move(stale));
    SendTimed(sink);
    series_.stats_.histograms += histograms_.size();
    if (!histograms_.empty()) sink.AcceptHistograms(std::move(histograms_));
    series_.stats_.exemplars += exemplars_.size();
    if (!exemplars_.empty()) sink.AcceptExemplars(std::move(exemplars_));
    series_.SendMetadata(families_, time_ms_, sink);
  }

 private:
  Entry* Find(std::string_view name, std::span<const LabelView> labels) {
    ++series_.scraped_;
    if (!status_) return nullptr;
    Result<Entry*> entry = series_.EntryOf(name, labels);
    if (!entry) {
      status_ = std::move(entry).error();
      return nullptr;
    }
    return (*entry)->dropped ? nullptr : *entry;
  }

  bool Count(const Entry& entry) {
    ++series_.kept_;
    layout_bytes_ += entry.bytes;
    const SeriesRules& rules = series_.rules_;
    if (rules.limits.samples != 0 && series_.kept_ > rules.limits.samples) {
      status_ = Exhausted(fmt::format("sample_limit: more than {} samples", rules.limits.samples));
    } else if (series_.kept_ > rules.series_max) {
      status_ = Exhausted(fmt::format("scrape.series_max: more than {} samples", rules.series_max));
    } else if (layout_bytes_ > kLayoutBytesMax) {
      status_ = Exhausted(fmt::format("labels of more than {} bytes", kLayoutBytesMax));
    }
    return status_.has_value();
  }

  // A target repeats its last exemplars in every answer: each is taken once.
  void TakeExemplar(Entry& entry, const expo::ExemplarView& exemplar, std::int64_t time_ms) {
    std::string& key = series_.key_;
    key.assign(reinterpret_cast<const char*>(&exemplar.value), sizeof exemplar.value);
    const std::int64_t own_ms = exemplar.time_ms.value_or(0);
    key.append(reinterpret_cast<const char*>(&own_ms), sizeof own_ms);
    for (const auto& [name, value] : exemplar.labels) AppendLabelKey(name, value, key);
    const std::uint64_t hash = Hash64(key);
    if (std::exchange(entry.exemplar_hash, hash) == hash) return;
    Exemplar taken{.series = entry.Full(),
                   .time_ms = exemplar.time_ms.value_or(time_ms),
                   .value = exemplar.value};
    for (const auto& [name, value] : exemplar.labels) {
      taken.labels.push_back({std::string(name), std::string(value)});
    }
    exemplars_.push_back(std::move(taken));
  }

  // Samples of one time are one row: what a target's part measured together comes
  // together again, so its layout stays the same.
  void SendTimed(Sink& sink) {
    for (auto& [time_ms, samples] : timed_) {
      std::vector<LayoutSeries> series;
      MetricRow row{.layout = nullptr, .time_ms = time_ms, .values = {}};
      std::unordered_map<std::uint64_t, bool> seen;
      for (const auto& [entry, value] : samples) {
        if (!seen.emplace(entry->Full()->Hash(), true).second) {
          ++series_.stats_.duplicates;
          continue;
        }
        series.push_back({.labels = *entry->Full(), .type = entry->type});
        row.values.push_back(value);
      }
      row.layout = std::make_shared<const Layout>(std::move(series));
      series_.stats_.samples += row.values.size();
      sink.AcceptMetrics(std::move(row));
    }
  }

  TargetSeries& series_;
  const std::int64_t time_ms_;
  Status status_;
  std::size_t layout_bytes_ = 0;
  std::map<std::int64_t, std::vector<std::pair<Entry*, double>>> timed_;
  std::vector<HistogramRow> histograms_;
  std::vector<Exemplar> exemplars_;
  std::vector<MetricMetadata> families_;
};

TargetSeries::TargetSeries(const SeriesRules& rules, const Target& target, ScrapeStats& stats)
    : rules_(rules), target_(target), stats_(stats), report_(FrameOf(rules, target)) {}

TargetSeries::~TargetSeries() = default;

Result<TargetSeries::Entry*> TargetSeries::EntryOf(std::string_view name,
                                                   std::span<const LabelView> labels) {
  key_.assign(name).push_back('\xff');
  for (const auto& [label, value] : labels) AppendLabelKey(label, value, key_);
  const std::uint64_t hash = Hash64(key_);
  auto found = entries_.find(hash);
  if (found == entries_.end()) {
    auto made = std::make_unique<Entry>();
    OPS_RETURN_IF_ERROR(Resolve(name, labels, *made));
    if (!made->dropped) ++added_;
    found = entries_.emplace(hash, std::move(made)).first;
  }
  found->second->seen = round_;
  return found->second.get();
}

Status TargetSeries::Resolve(std::string_view name, std::span<const LabelView> labels,
                             Entry& entry) const {
  std::vector<Label> own = {{std::string(kMetricName), std::string(name)}};
  for (const auto& [label, value] : labels) {
    // An empty value is no label, but with honor_labels it keeps the target's off.
    const bool there = std::any_of(own.begin(), own.end(), [&, label = label](const Label& known) {
      return known.name == label;
    });
    if (!there) own.push_back({std::string(label), std::string(value)});
  }
  if (rules_.honor_labels) {
    for (const Label& label : target_.labels) {
      const bool has = std::any_of(own.begin(), own.end(),
                                   [&](const Label& known) { return known.name == label.name; });
      if (!has) own.push_back(label);
    }
  } else {
    RenameClashes(target_.labels, own);
  }
  std::erase_if(own, [](const Label& label) { return label.value.empty(); });
  if (!rules_.relabel.Apply(own) || LabelOf(own, kMetricName).empty()) {
    entry.dropped = true;
    return {};
  }
  OPS_RETURN_IF_ERROR(CheckLabels(own, rules_.limits));
  entry.name = std::string(LabelOf(own, kMetricName));
  SetLabel(own, kMetricName, "");
  for (const Label& label : rules_.common) {
    if (LabelOf(own, label.name).empty()) own.push_back(label);
  }
  if (own.size() >= kLabelsMax) {
    return Exhausted(
        fmt::format("a series has {} labels, at most {} can be kept", own.size() + 1, kLabelsMax));
  }
  entry.bytes = kLabelOverhead + entry.name.size();
  for (const Label& label : own) {
    entry.bytes += kLabelOverhead + label.name.size() + label.value.size();
  }
  entry.labels = std::move(own);
  entry.views = ViewsOf(entry.labels);
  return {};
}

Status TargetSeries::Take(const FetchAnswer& answer, std::int64_t time_ms, Sink& sink) {
  if (answer.status != 200) {
    return Unavailable(fmt::format("server returned HTTP status {}", answer.status));
  }
  body_bytes_ = static_cast<std::int64_t>(answer.body.size());
  stats_.bytes += answer.body.size();
  std::optional<expo::Format> format = expo::FormatOf(answer.content_type);
  if (!format) format = rules_.fallback;
  if (!format) {
    return Invalid(
        fmt::format("the Content-Type \"{}\" is none of a scrape, and there is no "
                    "fallback_scrape_protocol",
                    CleanLogLine(answer.content_type.substr(0, 100))));
  }
  frame_.Begin();
  Taker taker(*this, time_ms);
  OPS_RETURN_IF_ERROR(
      expo::Parse(answer.body, {.format = *format, .classic_too = rules_.classic_too}, taker));
  OPS_RETURN_IF_ERROR(taker.status());
  taker.Send(sink);
  stats_.duplicates += frame_.duplicates() - duplicates_;
  duplicates_ = frame_.duplicates();
  return {};
}

std::string TargetSeries::Scraped(const ScrapeOutcome& outcome, Sink& sink) {
  ++round_;
  scraped_ = kept_ = added_ = 0;
  body_bytes_ = 0;
  ++stats_.scrapes;
  Status status = *outcome.answer ? Take(**outcome.answer, outcome.time_ms, sink)
                                  : Status(outcome.answer->error());
  std::string wrong;
  if (status) {
    Sweep(true, outcome.time_ms, sink);
  } else {
    ++stats_.failed;
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
  // What this round saw before it failed was not sent: it ends as the rest does.
  for (auto& [hash, entry] : entries_) {
    if (entry->timed == round_) entry->timed = round_ - 1;
    if (entry->histogram == round_) entry->histogram = round_ - 1;
  }
  Sweep(false, time_ms, sink);
  entries_.clear();
}

void TargetSeries::Sweep(bool forget, std::int64_t time_ms, Sink& sink) {
  std::vector<LayoutSeries> timed;
  std::vector<HistogramRow> histograms;
  for (auto it = entries_.begin(); it != entries_.end();) {
    Entry& entry = *it->second;
    const std::uint64_t before = round_ - 1;
    if (rules_.track_timestamps_staleness && before != 0 && entry.timed == before) {
      timed.push_back({.labels = *entry.Full(), .type = entry.type});
    }
    if (before != 0 && entry.histogram == before) {
      histograms.push_back({.series = entry.Full(), .time_ms = time_ms, .histogram = {}});
      histograms.back().histogram.sum = StaleNan();
    }
    it = forget && entry.seen != round_ ? entries_.erase(it) : std::next(it);
  }
  if (!timed.empty()) {
    std::vector<double> values(timed.size(), StaleNan());
    sink.AcceptMetrics({.layout = std::make_shared<const Layout>(std::move(timed)),
                        .time_ms = time_ms,
                        .values = std::move(values)});
  }
  if (!histograms.empty()) sink.AcceptHistograms(std::move(histograms));
}

void TargetSeries::Report(const ScrapeOutcome& outcome, bool up, Sink& sink) {
  constexpr MetricType kGauge = MetricType::kGauge;
  report_.Begin();
  report_.Add("up", {}, kGauge, up ? 1 : 0);
  report_.Add("scrape_duration_seconds", {}, kGauge, outcome.duration_s);
  report_.Add("scrape_samples_scraped", {}, kGauge, static_cast<double>(scraped_));
  report_.Add("scrape_samples_post_metric_relabeling", {}, kGauge, static_cast<double>(kept_));
  report_.Add("scrape_series_added", {}, kGauge, static_cast<double>(up ? added_ : 0));
  if (rules_.extra_metrics) {
    report_.Add("scrape_timeout_seconds", {}, kGauge,
                static_cast<double>(target_.timeout_ms) / 1e3);
    report_.Add("scrape_sample_limit", {}, kGauge, static_cast<double>(rules_.limits.samples));
    report_.Add("scrape_body_size_bytes", {}, kGauge, static_cast<double>(body_bytes_));
  }
  sink.AcceptMetrics(report_.End(outcome.time_ms));
}

void TargetSeries::Retire(std::int64_t time_ms, Sink& sink) {
  ++round_;
  EndSeries(time_ms, sink);
  MetricRow stale = report_.Retire(time_ms);
  if (!stale.values.empty()) sink.AcceptMetrics(std::move(stale));
}

void TargetSeries::SendMetadata(const std::vector<MetricMetadata>& families, std::int64_t time_ms,
                                Sink& sink) {
  std::vector<MetricMetadata> news;
  for (const MetricMetadata& family : families) {
    if (metadata_.size() >= kMetadataMax) metadata_.clear();
    Metadata& known = metadata_[family.name];
    const bool again = known.sent_ms != 0 && time_ms - known.sent_ms < kMetadataAgainMs;
    if (again && known.last == family) continue;
    known = {.last = family, .sent_ms = time_ms};
    news.push_back(family);
  }
  if (!news.empty()) sink.AcceptMetadata(std::move(news));
}

}  // namespace opssight
