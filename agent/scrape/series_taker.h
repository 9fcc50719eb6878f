// What one answer of a target says, gathered before any of it is sent: the half of
// TargetSeries that meets the exposition. Internal to series.cc.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/scrape/series.h"
#include "common/codec/expo/expo.h"

namespace opssight {

inline constexpr std::size_t kPieceBytesMax = 1UL << 20;  // Handed to the sink in one call.
void SendHistograms(std::vector<HistogramRow> rows, Sink& sink);

// One series as the target names it, and what the rules make of it.
struct TargetSeries::Entry {
  explicit Entry(NamedSeries from)
      : name(std::move(from.name)), labels(std::move(from.labels)), bytes(from.bytes) {
    for (const Label& label : labels) views.emplace_back(label.name, label.value);
  }

  const std::string name;
  const std::vector<Label> labels;  // Without the name.
  const std::size_t bytes;          // In a layout, about.
  std::vector<LabelView> views;     // Of labels.
  std::uint64_t seen = 0;           // Round.
  std::uint64_t histogram = 0;      // Round in which it came as a native histogram.
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

  void OnSample(const expo::SampleView& sample) override;
  void OnHistogram(const expo::HistogramView& view, Histogram histogram) override;
  void OnFamily(const expo::FamilyView& family) override;

  const Status& status() const { return status_; }
  void Send(Sink& sink);

 private:
  // Null: dropped, or nothing is kept any more.
  Entry* Find(std::string_view name, std::span<const LabelView> labels);
  // False: that is one too many; status_ says so.
  bool Count(const Entry& entry);
  bool InBounds(std::int64_t time_ms);
  // It is handed on now, and ends where it is missing in the next round.
  void Track(Entry& entry, bool histogram);
  // A target repeats its last exemplars in every answer: each is taken once.
  void TakeExemplar(Entry& entry, const expo::ExemplarView& exemplar, std::int64_t time_ms);
  // The same of a native histogram, which has several: those newer than the newest so far.
  void TakeNewExemplars(Entry& entry, std::span<const expo::ExemplarView> exemplars);
  // False: its time is far ahead.
  bool AddExemplar(Entry& entry, const expo::ExemplarView& exemplar, std::int64_t time_ms);
  // Samples of one time are one row: what a target's part measured together comes
  // together again, so its layout stays the same.
  void SendTimed(Sink& sink);

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

}  // namespace opssight
