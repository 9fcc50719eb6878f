// SeriesIndex gives label sets ids (0, 1, 2, … in the order they come) and finds the
// ids that match. The head has one, and so has each day whose file is in use. It only
// grows. Strings are kept once per pair; a series is a list of pair numbers (4 B a
// label); a pair has its postings, a short list or a Roaring bitmap.
//
// Any thread; one lock, held for microseconds: regular expressions run on values
// outside of it, at most once per value and matcher (verdicts of the last 32 matchers
// are kept). Cost: about 600 ns for a new series, 500 for a known one, 95 B a series.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aggregator/query/matcher.h"
#include "aggregator/query/metrics_admin.h"
#include "aggregator/store/metrics/id_set.h"
#include "aggregator/store/metrics/id_table.h"
#include "aggregator/store/metrics/value_test.h"
#include "common/base/mutex.h"
#include "common/bytes/hash.h"
#include "common/model/record.h"

namespace opssight {

class SeriesIndex {
 public:
  SeriesIndex() = default;
  SeriesIndex(const SeriesIndex&) = delete;
  SeriesIndex& operator=(const SeriesIndex&) = delete;

  // Ids of the label sets, new where they are not known; kNoSeries where one would be new
  // and its metric has per_metric_max already.
  static constexpr SeriesId kNoSeries = UINT32_MAX;
  static constexpr std::uint64_t kNoLimit = UINT64_MAX;
  std::vector<SeriesId> Intern(std::span<const LayoutSeries> series,
                               std::uint64_t per_metric_max = kNoLimit);
  SeriesId Intern(const Labels& labels, std::uint64_t per_metric_max = kNoLimit);
  // Ids that nothing matches, up to end: where the labels of some were lost.
  void PadTo(SeriesId end);

  // Ids that match, ascending.
  std::vector<SeriesId> Match(const std::vector<Matcher>& matchers) const;
  // Of each id: 128 bits of its label set's content, the same in every index.
  std::vector<Hash128> Keys(std::span<const SeriesId> ids) const;
  // Appends the label set of each id.
  void AppendLabels(std::span<const SeriesId> ids, std::vector<Labels>& out) const;

  // Adds the values of a label, or the names of all labels (name ""), of these series.
  void AddStrings(std::string_view name, std::span<const SeriesId> ids,
                  std::set<std::string>& out) const;

  std::size_t size() const;
  std::size_t bytes() const;  // Memory, about.
  // The parts of statistics that are about series and labels. Holds the lock for some ms
  // at 1 M series.
  void Statistics(std::size_t top, TsdbStatistics& out) const;

  // For the series log and for copying between indexes: pairs and lists of them.
  // Views are valid as long as the index.
  using PairId = std::uint32_t;
  using PairView = std::pair<std::string_view, std::string_view>;
  struct Lists {
    std::vector<PairId> pairs;        // Lists back to back.
    std::vector<std::uint32_t> ends;  // Of each series' list.
  };
  Lists ListsOf(std::span<const SeriesId> ids) const;
  std::vector<PairView> PairsOf(std::span<const PairId> pairs) const;
  std::vector<PairId> InternPairs(std::span<const PairView> pairs);
  std::vector<SeriesId> InternLists(const Lists& lists);
  // Gives the next ids even to known series: a log says which id each had.
  void AppendLists(const Lists& lists);
  // Whether each label set has one id: so it is but for AppendLists of a known one.
  bool unique() const;

 private:
  struct Pair {
    std::uint32_t name = 0;
    std::string_view value;
    Hash128 key;
    Postings postings;
  };
  struct Name {
    std::string_view text;
    std::vector<PairId> pairs;
  };
  using Verdicts = std::vector<std::uint8_t>;  // Of a name's pairs, in their order.
  struct CachedVerdicts {
    std::shared_ptr<const Verdicts> verdicts;
    std::uint64_t used = 0;
  };

  std::string_view Keep(std::string_view text) OPS_REQUIRES(mutex_);
  std::uint32_t FindName(std::string_view name) const OPS_REQUIRES(mutex_);
  PairId FindPair(std::uint32_t name, std::string_view value) const OPS_REQUIRES(mutex_);
  PairId InternPair(std::string_view name, std::string_view value) OPS_REQUIRES(mutex_);
  SeriesId FindList(std::uint64_t hash, std::span<const PairId> list) const OPS_REQUIRES(mutex_);
  bool IsFull(std::string_view metric, std::uint64_t per_metric_max) const OPS_REQUIRES(mutex_);
  SeriesId FindLabels(const Labels& labels, std::vector<PairId>& scratch) const
      OPS_REQUIRES(mutex_);
  SeriesId InternLabels(const Labels& labels, std::uint64_t per_metric_max,
                        std::vector<PairId>& scratch) OPS_REQUIRES(mutex_);
  SeriesId InternList(std::span<const PairId> list) OPS_REQUIRES(mutex_);
  SeriesId AppendList(std::span<const PairId> list) OPS_REQUIRES(mutex_);
  std::span<const PairId> ListOf(SeriesId id) const OPS_REQUIRES(mutex_);
  void Enter(std::uint64_t hash, SeriesId id) OPS_REQUIRES(mutex_);  // Into series_table_.
  IdSet UnionOf(std::span<const PairId> pairs) const OPS_REQUIRES(mutex_);

  struct Search;  // series_match.cc
  void MatchLists(const std::vector<ValueTest>& tests, Search& search) const;
  void MatchByValues(const ValueTest& test, Search& search) const;
  void MatchBySeries(const ValueTest& test, std::uint32_t name, Search& search) const;
  std::shared_ptr<const Verdicts> VerdictsOf(const ValueTest& test, std::uint32_t name) const;

  mutable Mutex mutex_;
  std::vector<std::unique_ptr<char[]>> arena_ OPS_GUARDED_BY(mutex_);
  std::size_t arena_left_ OPS_GUARDED_BY(mutex_) = 0;
  std::size_t arena_bytes_ OPS_GUARDED_BY(mutex_) = 0;
  std::vector<Name> names_ OPS_GUARDED_BY(mutex_);
  std::vector<Pair> pairs_ OPS_GUARDED_BY(mutex_);
  std::vector<PairId> lists_ OPS_GUARDED_BY(mutex_);
  std::vector<std::uint32_t> list_ends_ OPS_GUARDED_BY(mutex_);
  IdTable name_table_ OPS_GUARDED_BY(mutex_);
  IdTable pair_table_ OPS_GUARDED_BY(mutex_);
  IdTable series_table_ OPS_GUARDED_BY(mutex_);
  std::vector<SeriesId> lost_ OPS_GUARDED_BY(mutex_);  // Of PadTo.
  bool unique_ OPS_GUARDED_BY(mutex_) = true;
  std::size_t postings_ OPS_GUARDED_BY(mutex_) = 0;
  mutable std::map<std::string, CachedVerdicts> cache_ OPS_GUARDED_BY(mutex_);
  mutable std::uint64_t cache_uses_ OPS_GUARDED_BY(mutex_) = 0;
};

// Gives the series of one index their ids in another, remembering pairs, so that a
// known series costs about 100 ns. Not thread-safe itself.
class SeriesCopier {
 public:
  SeriesCopier(const SeriesIndex& from, SeriesIndex& to) : from_(from), to_(to) {}
  std::vector<SeriesId> Map(std::span<const SeriesId> ids);

 private:
  const SeriesIndex& from_;
  SeriesIndex& to_;
  std::vector<SeriesIndex::PairId> pairs_;  // By pair of from_; IdTable::kNone: not yet.
};

}  // namespace opssight
