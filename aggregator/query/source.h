// What a query language may ask of a store: series, lines, spans, gaps. The
// languages run over these interfaces, so the same engine runs on LMDB, on memory
// in tests, and on another store later. Safe on any thread; every call sees a
// consistent snapshot that holds everything acknowledged before the call began
// and already applied.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/query/matcher.h"
#include "common/base/result.h"
#include "common/model/histogram.h"
#include "common/model/record.h"

namespace opssight {

// Samples that a store has only some of any more, as Select gives them: of each stretch of
// resolution_ms no more than the first and the last.
struct Thinning {
  std::int64_t before_ms = 0;  // Only samples before it are concerned.
  std::int64_t resolution_ms = 0;
};

// A query's budget; kExhausted when it bites. cancelled is asked now and then.
struct QueryLimits {
  std::uint64_t samples_max = 50'000'000;  // Samples or lines looked at and kept.
  std::uint64_t series_max = 1'000'000;
  std::uint64_t trace_spans_max = 100'000;  // Of one trace.
  std::function<bool()> cancelled;          // May be empty. True: stop with kUnavailable.
  // Told by Select, on its thread and before it returns, when what matches lacks samples that
  // there once were, even if no series is left; once for each resolution. May be empty.
  std::function<void(const Thinning&)> thinned;
};

struct Sample {
  std::int64_t time_ms = 0;
  double value = 0;
};

// A native histogram at a time. A stale marker has the stale NaN as its sum.
struct HistogramSample {
  std::int64_t time_ms = 0;
  std::shared_ptr<const Histogram> histogram;  // Never null; shared, immutable.
};

struct Series {
  Labels labels;
  std::vector<Sample> samples;  // Times ascending and unique. May hold stale markers.
  // Times ascending, none of them in samples.
  std::vector<HistogramSample> histograms;
  // Start timestamps (ms; 0: not known), one for each of samples and of histograms; empty
  // where the store knows none of the series.
  std::vector<std::int64_t> sample_starts;
  std::vector<std::int64_t> histogram_starts;
};

// The values of a label, or the names of all labels (name ""), of the sets.
std::set<std::string> NamesOrValues(const std::vector<Labels>& sets, std::string_view name);

class RollupSource;  // rollup.h

// What a selection found, in portions of series that are read one by one: what a query makes of
// a portion stands in the processor's cache, and the samples of no more than some portions are
// in memory at once. All portions together are what Select gives, in its order.
class SeriesPortions {
 public:
  virtual ~SeriesPortions() = default;
  virtual std::size_t count() const = 0;
  // Each once, in any order; on any thread, several at once. Errors as Select's; the limit of
  // samples is one for all portions.
  virtual Result<std::vector<Series>> Read(std::size_t portion) = 0;
};

enum class SeriesLabels : std::uint8_t { kWanted, kUnused };  // kUnused: may be left empty.

class SeriesSource {
 public:
  virtual ~SeriesSource() = default;
  // Series with a sample in [from_ms, to_ms] that match all matchers, any order,
  // each label set once.
  virtual Result<std::vector<Series>> Select(const std::vector<Matcher>& matchers,
                                             std::int64_t from_ms, std::int64_t to_ms,
                                             const QueryLimits& limits) const = 0;
  // The same in portions; the source outlives them. limits.cancelled is asked by any thread
  // that reads one, limits.thinned is told before this returns. Without more: one portion.
  virtual Result<std::unique_ptr<SeriesPortions>> SelectPortions(
      const std::vector<Matcher>& matchers, std::int64_t from_ms, std::int64_t to_ms,
      const QueryLimits& limits, SeriesLabels labels) const;
  // Label sets of the same; cheaper. By day partition: may name series that have
  // samples on these days but not in the range.
  virtual Result<std::vector<Labels>> SelectLabels(const std::vector<Matcher>& matchers,
                                                   std::int64_t from_ms, std::int64_t to_ms,
                                                   const QueryLimits& limits) const = 0;
  // The values of a label, or the names of all labels (name ""), that the sets have which
  // SelectLabels would give; cheaper by far. series_max is how many strings there may be.
  virtual Result<std::set<std::string>> SelectStrings(std::string_view name,
                                                      const std::vector<Matcher>& matchers,
                                                      std::int64_t from_ms, std::int64_t to_ms,
                                                      const QueryLimits& limits) const;
  // What it keeps of stretches of time beside samples. Null: nothing. Lives as long as this.
  virtual const RollupSource* rollups() const { return nullptr; }
};

struct LogLine {
  std::int64_t time_ns = 0;
  std::string line;
  std::vector<Label> metadata;  // Structured metadata.
};

struct LogStreamLines {
  Labels stream;
  std::vector<LogLine> lines;  // In the order asked for.
};

struct LineFilter {
  bool want = true;  // |= or !=.
  std::string text;
};

struct LineQuery {
  std::vector<Matcher> matchers;
  std::vector<LineFilter> filters;
  std::int64_t from_ns = 0;   // Inclusive.
  std::int64_t to_ns = 0;     // Exclusive.
  bool backward = true;       // Newest first.
  std::uint64_t limit = 100;  // Lines over all streams.
};

class LineSource {
 public:
  virtual ~LineSource() = default;
  // The first `limit` lines in time order over all streams; equal times keep the
  // order in which they came. Streams sorted by labels.
  virtual Result<std::vector<LogStreamLines>> Select(const LineQuery& query,
                                                     const QueryLimits& limits) const = 0;
  virtual Result<std::vector<Labels>> SelectStreams(const std::vector<Matcher>& matchers,
                                                    std::int64_t from_ns, std::int64_t to_ns,
                                                    const QueryLimits& limits) const = 0;
};

class SpanSource {
 public:
  virtual ~SpanSource() = default;
  // All spans of a trace, by start time; a span sent twice comes once. Empty: none.
  virtual Result<std::vector<Span>> Trace(const TraceId& id, const QueryLimits& limits) const = 0;
};

struct GapAnswer {
  std::vector<Gap> gaps;   // By start.
  bool truncated = false;  // There are more, which start earlier.
};

class GapSource {
 public:
  virtual ~GapSource() = default;
  // Gaps that overlap [from_ns, to_ns]: the `limit` that start last.
  virtual Result<GapAnswer> Gaps(std::int64_t from_ns, std::int64_t to_ns,
                                 std::size_t limit) const = 0;
};

}  // namespace opssight
