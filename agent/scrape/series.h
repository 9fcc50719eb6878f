// TargetSeries makes one target's answers into rows: labels by the job's rules, limits,
// staleness, and the series that say how the scrape went. Pure: no I/O, no clock.
//
//   TargetSeries series(rules, target, stats);
//   series.Scraped({.time_ms = t, .answer = &answer, …}, sink);    // or .error
//   series.Retire(time_ms, sink);                                  // the target is gone
//
// All or nothing: an answer with a wrong line, or one over a limit, leaves nothing but
// up 0, and ends all series of the target. A series' labels are worked out once and
// remembered while it comes; so are, up to series_max, the series that the rules drop.
// Belongs to one loop.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/scrape/series_labels.h"
#include "agent/scrape/target.h"
#include "agent/sink/sink.h"
#include "common/fetch/fetcher.h"
#include "common/model/frame.h"

namespace opssight {

struct ScrapeStats {
  std::uint64_t scrapes = 0;
  std::uint64_t failed = 0;
  std::uint64_t samples = 0;        // Handed to the sink.
  std::uint64_t bytes = 0;          // Of bodies, unpacked.
  std::uint64_t duplicates = 0;     // Samples whose series was there already.
  std::uint64_t out_of_bounds = 0;  // Samples and exemplars dropped for a time far ahead.
  std::uint64_t histograms = 0;
  std::uint64_t exemplars = 0;
  std::uint64_t late = 0;  // Scrapes left out as those before still ran.
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
  // stats outlives it.
  TargetSeries(std::shared_ptr<const SeriesRules> rules, const Target& target, ScrapeStats& stats);
  ~TargetSeries();
  TargetSeries(const TargetSeries&) = delete;
  TargetSeries& operator=(const TargetSeries&) = delete;

  // What was wrong, as text for people; "" where all went well.
  std::string Scraped(const ScrapeOutcome& outcome, Sink& sink);
  // Stale markers for all of it.
  void Retire(std::int64_t time_ms, Sink& sink);
  // From now on under these rules, of this target, whose labels are the same, and counted
  // there. Where the rules change labels, what cannot go on as it was ends; what went by the
  // frame is compared when it next comes.
  void Adopt(std::shared_ptr<const SeriesRules> rules, const Target& target, ScrapeStats& stats,
             std::int64_t time_ms, Sink& sink);

 private:
  struct Entry;
  class Taker;
  struct Metadata {
    MetricMetadata last;
    std::int64_t sent_ms = 0;
    std::uint64_t seen = 0;  // Round.
  };

  Status Take(const FetchAnswer& answer, std::int64_t time_ms, Sink& sink);
  std::uint64_t HashOf(std::string_view name, std::span<const LabelView> labels);
  // Null: the rules drop it.
  Result<Entry*> EntryOf(std::string_view name, std::span<const LabelView> labels);
  // Whether the rules keep it; nothing is remembered.
  bool Keeps(std::string_view name, std::span<const LabelView> labels);
  void Report(const ScrapeOutcome& outcome, bool up, Sink& sink);
  void EndSeries(std::int64_t time_ms, Sink& sink);  // All but the report.
  // Ends what was handed on without a frame in the last round; all: also what came again.
  void EndTracked(bool all, std::int64_t time_ms, Sink& sink);
  void Forget(bool all);  // Else what was not seen in this round.
  void SendMetadata(std::vector<MetricMetadata> families, std::int64_t time_ms, Sink& sink);

  std::shared_ptr<const SeriesRules> rules_;
  Target target_;
  ScrapeStats* stats_;
  FrameBuilder frame_;
  std::optional<FrameBuilder> report_;  // Never none.
  std::uint64_t duplicates_ = 0;        // Of frame_, as counted so far.
  std::unordered_map<std::uint64_t, std::unique_ptr<Entry>> entries_;
  std::unordered_map<std::uint64_t, std::uint64_t> dropped_;  // By hash, the round it came in.
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
