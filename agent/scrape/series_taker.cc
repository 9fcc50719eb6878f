#include "agent/scrape/series_taker.h"

#include <algorithm>
#include <unordered_set>

#include <fmt/core.h>

#include "common/base/clock.h"
#include "common/bytes/hash.h"
#include "common/model/record_bytes.h"

namespace opssight {
namespace {

constexpr std::int64_t kFutureMsMax = 600 * kMsPerSecond;  // As Prometheus.
constexpr std::size_t kMetadataMax = 20'000;               // Families of one target.
// What a batch may hold (BatchLimits), about: of labels, and of native histograms. A scrape
// over them fails, as its batch would never be taken.
constexpr std::size_t kLayoutBytesMax = 48UL << 20;
constexpr std::size_t kHistogramBytesMax = 48UL << 20;

}  // namespace

void SendHistograms(std::vector<HistogramRow> rows, Sink& sink) {
  InPieces(std::move(rows), kPieceBytesMax,
           [&sink](auto piece) { sink.AcceptHistograms(std::move(piece)); });
}

void TargetSeries::Taker::OnSample(const expo::SampleView& sample) {
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

void TargetSeries::Taker::OnHistogram(const expo::HistogramView& view, Histogram histogram) {
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
    status_ = Exhausted(fmt::format("native histograms of more than {} bytes", kHistogramBytesMax));
    return;
  }
  entry->histogram = series_.round_;
  if (!timed || rules_.track_timestamps_staleness) tracked_histograms_.push_back(entry);
  histograms_.push_back(
      {.series = entry->Full(), .time_ms = time_ms, .histogram = std::move(histogram)});
  TakeNewExemplars(*entry, view.exemplars);
}

void TargetSeries::Taker::OnFamily(const expo::FamilyView& family) {
  if (families_.size() == kMetadataMax) return;
  families_.push_back({.name = std::string(family.name),
                       .type = family.type,
                       .help = std::string(family.help),
                       .unit = std::string(family.unit)});
}

void TargetSeries::Taker::Send(Sink& sink) {
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

TargetSeries::Entry* TargetSeries::Taker::Find(std::string_view name,
                                               std::span<const LabelView> labels) {
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

bool TargetSeries::Taker::Count(const Entry& entry) {
  ++series_.kept_;
  layout_bytes_ += entry.bytes;
  if (rules_.limits.samples != 0 && series_.kept_ > rules_.limits.samples) {
    over_count_ = true;
    status_ = Exhausted(fmt::format("sample_limit: more than {} samples", rules_.limits.samples));
  } else if (series_.kept_ > rules_.series_max) {
    over_count_ = true;
    status_ = Exhausted(fmt::format("scrape.series_max: more than {} samples", rules_.series_max));
  } else if (layout_bytes_ > kLayoutBytesMax) {
    status_ = Exhausted(fmt::format("labels of more than {} bytes", kLayoutBytesMax));
  }
  return status_.has_value();
}

bool TargetSeries::Taker::InBounds(std::int64_t time_ms) {
  if (time_ms <= time_ms_ + kFutureMsMax) return true;
  ++stats_.out_of_bounds;
  return false;
}

void TargetSeries::Taker::Track(Entry& entry, bool histogram) {
  entry.tracked = series_.round_;
  entry.was_histogram = histogram;
}

void TargetSeries::Taker::TakeExemplar(Entry& entry, const expo::ExemplarView& exemplar,
                                       std::int64_t time_ms) {
  std::string& key = series_.key_;
  key.assign(reinterpret_cast<const char*>(&exemplar.value), sizeof exemplar.value);
  const std::int64_t own_ms = exemplar.time_ms.value_or(0);
  key.append(reinterpret_cast<const char*>(&own_ms), sizeof own_ms);
  for (const auto& [name, value] : exemplar.labels) AppendLabelKey(name, value, key);
  const std::uint64_t hash = Hash64(key);
  if (std::exchange(entry.exemplar_hash, hash) == hash) return;
  AddExemplar(entry, exemplar, exemplar.time_ms.value_or(time_ms));
}

void TargetSeries::Taker::TakeNewExemplars(Entry& entry,
                                           std::span<const expo::ExemplarView> exemplars) {
  const std::int64_t before_ms = entry.exemplar_ms;
  for (const expo::ExemplarView& exemplar : exemplars) {
    const std::int64_t time_ms = exemplar.time_ms.value_or(INT64_MIN);
    if (time_ms <= before_ms || !AddExemplar(entry, exemplar, time_ms)) continue;
    entry.exemplar_ms = std::max(entry.exemplar_ms, time_ms);
  }
}

bool TargetSeries::Taker::AddExemplar(Entry& entry, const expo::ExemplarView& exemplar,
                                      std::int64_t time_ms) {
  if (!InBounds(time_ms)) return false;
  Exemplar taken{.series = entry.Full(), .time_ms = time_ms, .value = exemplar.value};
  for (const auto& [name, value] : exemplar.labels) {
    taken.labels.push_back({std::string(name), std::string(value)});
  }
  exemplars_.push_back(std::move(taken));
  return true;
}

void TargetSeries::Taker::SendTimed(Sink& sink) {
  for (auto& [time_ms, samples] : timed_) {
    std::vector<LayoutSeries> series;
    MetricRow row{.layout = nullptr, .time_ms = time_ms, .values = {}};
    std::unordered_set<std::uint64_t> seen;
    for (const auto& [entry, value] : samples) {
      if (!seen.insert(entry->Full()->Hash()).second) {
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

}  // namespace opssight
