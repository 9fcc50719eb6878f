#include "agent/scrape/series.h"

#include <algorithm>
#include <bit>
#include <utility>

#include <fmt/core.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bytes/hash.h"
#include "common/codec/expo/expo.h"
#include "common/model/record_bytes.h"

namespace opssight {
namespace {

constexpr std::int64_t kFutureMsMax = 600 * kMsPerSecond;  // As Prometheus.
constexpr std::int64_t kMetadataAgainMs = 3600 * kMsPerSecond;
constexpr std::size_t kMetadataMax = 20'000;  // Families of one target.
constexpr std::size_t kErrorBytesMax = 300;
// What a batch may hold (BatchLimits), about: of labels, and of native histograms. A scrape
// over them fails, as its batch would never be taken.
constexpr std::size_t kLayoutBytesMax = 48UL << 20;
constexpr std::size_t kHistogramBytesMax = 48UL << 20;
constexpr std::size_t kPieceBytesMax = 1UL << 20;  // Handed to the sink in one call.
// Of one series in the exposition; rules may drop some before they are counted.
constexpr std::size_t kLabelsReadMax = 256;

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

void SendHistograms(std::vector<HistogramRow> rows, Sink& sink) {
  InPieces(std::move(rows), kPieceBytesMax,
           [&sink](auto piece) { sink.AcceptHistograms(std::move(piece)); });
}

}  // namespace

// One series as the target names it, and what the rules make of it.
struct TargetSeries::Entry {
  explicit Entry(NamedSeries from)
      : name(std::move(from.name)),
        labels(std::move(from.labels)),
        bytes(from.bytes),
        views(ViewsOf(labels)) {}

  const std::string name;
  const std::vector<Label> labels;  // Without the name.
  const std::size_t bytes;          // In a layout, about.
  const std::vector<LabelView> views;
  std::uint64_t seen = 0;       // Round.
  std::uint64_t histogram = 0;  // Round in which it came as a native histogram.
  // Round in which it was handed on without the frame, so that it ends where it is missing;
  // and whether that was a histogram.
  std::uint64_t tracked = 0;
  bool was_histogram = false;
  std::uint64_t exemplar_hash = 0;
  std::int64_t exemplar_ms = INT64_MIN;  // The newest of a native histogram.
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
  Taker(TargetSeries& series, std::int64_t time_ms)
      : series_(series), rules_(*series.rules_), stats_(*series.stats_), time_ms_(time_ms) {}

  void OnSample(const expo::SampleView& sample) override {
    Entry* entry = Find(sample.name, sample.labels);
    const bool timed = sample.time_ms && rules_.honor_timestamps;
    if (entry == nullptr || !InBounds(timed ? *sample.time_ms : time_ms_)) return;
    entry->type = sample.type;
    if (timed) {
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
    const bool timed = view.time_ms && rules_.honor_timestamps;
    const std::int64_t time_ms = timed ? *view.time_ms : time_ms_;
    if (entry == nullptr || !InBounds(time_ms)) return;
    if (entry->histogram == series_.round_) {
      ++stats_.duplicates;
      return;
    }
    histogram_bytes_ += BytesOf(histogram);
    if (histogram_bytes_ > kHistogramBytesMax) {
      status_ =
          Exhausted(fmt::format("native histograms of more than {} bytes", kHistogramBytesMax));
      return;
    }
    entry->histogram = series_.round_;
    if (!timed || rules_.track_timestamps_staleness) tracked_histograms_.push_back(entry);
    histograms_.push_back(
        {.series = entry->Full(), .time_ms = time_ms, .histogram = std::move(histogram)});
    TakeNewExemplars(*entry, view.exemplars);
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
    stats_.samples += row.values.size();
    if (!row.values.empty()) sink.AcceptMetrics(std::move(row));
    MetricRow stale = series_.frame_.TakeStale(time_ms_);
    if (!stale.values.empty()) sink.AcceptMetrics(std::move(stale));
    SendTimed(sink);
    for (Entry* entry : tracked_histograms_) Track(*entry, true);
    stats_.histograms += histograms_.size();
    SendHistograms(std::move(histograms_), sink);
    stats_.exemplars += exemplars_.size();
    InPieces(std::move(exemplars_), kPieceBytesMax,
             [&sink](auto piece) { sink.AcceptExemplars(std::move(piece)); });
    series_.SendMetadata(std::move(families_), time_ms_, sink);
  }

 private:
  // Null: dropped, or nothing is kept any more.
  Entry* Find(std::string_view name, std::span<const LabelView> labels) {
    ++series_.scraped_;
    if (!status_) {
      // The report says how many there would have been. Rules are asked for a while only.
      const bool counts = over_count_ && (rules_.relabel.empty() || ++asked_ > rules_.series_max ||
                                          series_.Keeps(name, labels));
      if (counts) ++series_.kept_;
      return nullptr;
    }
    Result<Entry*> entry = series_.EntryOf(name, labels);
    if (!entry) {
      status_ = std::move(entry).error();
      return nullptr;
    }
    return *entry != nullptr && Count(**entry) ? *entry : nullptr;
  }

  bool Count(const Entry& entry) {
    ++series_.kept_;
    layout_bytes_ += entry.bytes;
    if (rules_.limits.samples != 0 && series_.kept_ > rules_.limits.samples) {
      over_count_ = true;
      status_ = Exhausted(fmt::format("sample_limit: more than {} samples", rules_.limits.samples));
    } else if (series_.kept_ > rules_.series_max) {
      over_count_ = true;
      status_ =
          Exhausted(fmt::format("scrape.series_max: more than {} samples", rules_.series_max));
    } else if (layout_bytes_ > kLayoutBytesMax) {
      status_ = Exhausted(fmt::format("labels of more than {} bytes", kLayoutBytesMax));
    }
    return status_.has_value();
  }

  bool InBounds(std::int64_t time_ms) {
    if (time_ms <= time_ms_ + kFutureMsMax) return true;
    ++stats_.out_of_bounds;
    return false;
  }

  void Track(Entry& entry, bool histogram) {
    entry.tracked = series_.round_;
    entry.was_histogram = histogram;
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
    AddExemplar(entry, exemplar, exemplar.time_ms.value_or(time_ms));
  }

  // The same of a native histogram, which has several: those newer than the newest so far.
  void TakeNewExemplars(Entry& entry, std::span<const expo::ExemplarView> exemplars) {
    const std::int64_t before_ms = entry.exemplar_ms;
    for (const expo::ExemplarView& exemplar : exemplars) {
      const std::int64_t time_ms = exemplar.time_ms.value_or(INT64_MIN);
      if (time_ms <= before_ms || !AddExemplar(entry, exemplar, time_ms)) continue;
      entry.exemplar_ms = std::max(entry.exemplar_ms, time_ms);
    }
  }

  bool AddExemplar(Entry& entry, const expo::ExemplarView& exemplar, std::int64_t time_ms) {
    if (!InBounds(time_ms)) return false;
    Exemplar taken{.series = entry.Full(), .time_ms = time_ms, .value = exemplar.value};
    for (const auto& [name, value] : exemplar.labels) {
      taken.labels.push_back({std::string(name), std::string(value)});
    }
    exemplars_.push_back(std::move(taken));
    return true;
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
          ++stats_.duplicates;
          continue;
        }
        if (rules_.track_timestamps_staleness) Track(*entry, false);
        series.push_back({.labels = *entry->Full(), .type = entry->type});
        row.values.push_back(value);
      }
      row.layout = std::make_shared<const Layout>(std::move(series));
      stats_.samples += row.values.size();
      sink.AcceptMetrics(std::move(row));
    }
  }

  TargetSeries& series_;
  const SeriesRules& rules_;
  ScrapeStats& stats_;
  const std::int64_t time_ms_;
  Status status_;
  bool over_count_ = false;  // What is wrong is the number of samples: counting goes on.
  std::uint64_t asked_ = 0;  // Times that Keeps was, then.
  std::size_t layout_bytes_ = 0;
  std::size_t histogram_bytes_ = 0;
  std::map<std::int64_t, std::vector<std::pair<Entry*, double>>> timed_;
  std::vector<HistogramRow> histograms_;
  std::vector<Entry*> tracked_histograms_;
  std::vector<Exemplar> exemplars_;
  std::vector<MetricMetadata> families_;
};

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
