// TargetSeries makes one target's answers into rows: labels by the job's rules, limits,
// staleness, and the series that say how the scrape went. Pure: no I/O, no clock.
//
//   TargetSeries series(rules, target);
//   series.Scraped({.time_ms = t, .answer = &answer, …}, sink);    // or .error
//   series.Retire(time_ms, sink);                                  // the target is gone
//
// All or nothing: an answer with a wrong line, or one over a limit, leaves nothing but
// up 0, and ends all series of the target. A series' labels are worked out once and
// remembered while it comes. Belongs to one loop.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/scrape/options.h"
#include "agent/scrape/target.h"
#include "agent/sink/sink.h"
#include "common/codec/expo/expo.h"
#include "common/fetch/fetcher.h"
#include "common/model/frame.h"
#include "common/relabel/relabel.h"

namespace opssight {

// What a job says of its targets' series.
struct SeriesRules {
  bool honor_labels = false;
  bool honor_timestamps = true;
  bool track_timestamps_staleness = false;
  bool classic_too = false;
  bool extra_metrics = false;
  std::optional<expo::Format> fallback;
  Relabeler relabel;
  ScrapeLimits limits;
  std::uint64_t series_max = 0;
  std::vector<Label> common;  // Of series that have none of that name.
};

struct ScrapeStats {
  std::uint64_t scrapes = 0;
  std::uint64_t failed = 0;
  std::uint64_t samples = 0;        // Handed to the sink.
  std::uint64_t bytes = 0;          // Of bodies, unpacked.
  std::uint64_t duplicates = 0;     // Samples whose series was there already.
  std::uint64_t out_of_bounds = 0;  // Samples dropped for a time far in the future.
  std::uint64_t histograms = 0;
  std::uint64_t exemplars = 0;
  std::uint64_t late = 0;  // Scrapes left out as the one before still ran.
  std::uint64_t targets = 0;
  std::uint64_t targets_refused = 0;  // Over targets_max, now.
  std::uint64_t discovery_failed = 0;
  std::uint64_t targets_told = 0;    // Snapshots of all targets handed to the sink.
  std::uint64_t targets_untold = 0;  // Targets over its limits, left out of the last.
};

struct ScrapeOutcome {
  std::int64_t time_ms = 0;
  double duration_s = 0;
  const FetchResult* answer = nullptr;
};

class TargetSeries {
 public:
  // rules and stats outlive it.
  TargetSeries(const SeriesRules& rules, const Target& target, ScrapeStats& stats);
  ~TargetSeries();
  TargetSeries(const TargetSeries&) = delete;
  TargetSeries& operator=(const TargetSeries&) = delete;

  // What was wrong, as text for people; "" where all went well.
  std::string Scraped(const ScrapeOutcome& outcome, Sink& sink);
  // Stale markers for all of it.
  void Retire(std::int64_t time_ms, Sink& sink);

 private:
  struct Entry;
  class Taker;
  struct Metadata {
    MetricMetadata last;
    std::int64_t sent_ms = 0;
  };

  Status Take(const FetchAnswer& answer, std::int64_t time_ms, Sink& sink);
  Result<Entry*> EntryOf(std::string_view name, std::span<const LabelView> labels);
  Status Resolve(std::string_view name, std::span<const LabelView> labels, Entry& entry) const;
  void Report(const ScrapeOutcome& outcome, bool up, Sink& sink);
  void EndSeries(std::int64_t time_ms, Sink& sink);  // All but the report.
  // Ends what came without a frame the last time and not this time; forgets the unseen.
  void Sweep(bool forget, std::int64_t time_ms, Sink& sink);
  void SendMetadata(const std::vector<MetricMetadata>& families, std::int64_t time_ms, Sink& sink);

  const SeriesRules& rules_;
  const Target target_;
  ScrapeStats& stats_;
  FrameBuilder frame_;
  FrameBuilder report_;
  std::uint64_t duplicates_ = 0;  // Of frame_, as counted so far.
  std::unordered_map<std::uint64_t, std::unique_ptr<Entry>> entries_;
  std::map<std::string, Metadata, std::less<>> metadata_;
  std::string key_;
  std::uint64_t round_ = 0;
  // Of the last scrape.
  std::uint64_t scraped_ = 0;
  std::uint64_t kept_ = 0;
  std::uint64_t added_ = 0;
  std::int64_t body_bytes_ = 0;
};

}  // namespace opssight
