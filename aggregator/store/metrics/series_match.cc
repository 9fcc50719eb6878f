// Matching of SeriesIndex. A matcher that an absent label does not satisfy takes
// away all but the union of the postings of the values that hold; one that it does
// satisfy takes away the union of those that do not. Lists of values come first: they
// are look-ups. A matcher then runs on the values of the series left, where these are
// fewer than the label's distinct values, otherwise on all distinct values.
#include <algorithm>
#include <optional>

#include "aggregator/store/metrics/series_index.h"

namespace opssight {

struct SeriesIndex::Search {
  std::size_t end = 0;        // Series there were at the start: the snapshot.
  std::optional<IdSet> left;  // None: all.
  bool nothing = false;

  void Keep(IdSet&& set) {
    if (left) {
      left->And(set);
    } else {
      left = std::move(set);
    }
    nothing = left->count() == 0;
  }
  void Drop(const IdSet& set) {
    if (!left) left = IdSet::Range(static_cast<SeriesId>(end));
    left->Minus(set);
    nothing = left->count() == 0;
  }
};

IdSet SeriesIndex::UnionOf(std::span<const PairId> pairs) const {
  if (pairs.size() == 1) return pairs_[pairs[0]].postings.Set();
  std::vector<const IdSet*> sets;
  std::vector<SeriesId> few;
  for (const PairId pair : pairs) {
    const Postings& postings = pairs_[pair].postings;
    if (postings.many() != nullptr) sets.push_back(postings.many());
    few.insert(few.end(), postings.few().begin(), postings.few().end());
  }
  std::sort(few.begin(), few.end());
  const IdSet of_few = IdSet::Of(few);
  sets.push_back(&of_few);
  return IdSet::UnionOf(sets);
}

void SeriesIndex::MatchLists(const std::vector<ValueTest>& tests, Search& search) const {
  MutexLock lock(mutex_);
  search.end = list_ends_.size();
  for (const ValueTest& test : tests) {
    if (!test.is_list() || search.nothing) continue;
    const std::uint32_t name = FindName(test.matcher().name());
    std::vector<PairId> pairs;
    bool lists_absent = false;
    for (const std::string& value : test.literals()) {
      lists_absent |= value.empty();
      const PairId pair = name == IdTable::kNone ? IdTable::kNone : FindPair(name, value);
      if (pair != IdTable::kNone) pairs.push_back(pair);
    }
    if (!lists_absent) {
      test.negative() ? search.Drop(UnionOf(pairs)) : search.Keep(UnionOf(pairs));
      continue;
    }
    // x="" or x=~"a|": those with another value go (stay, for the negative).
    std::vector<PairId> others;
    if (name != IdTable::kNone) {
      std::sort(pairs.begin(), pairs.end());
      std::set_difference(names_[name].pairs.begin(), names_[name].pairs.end(), pairs.begin(),
                          pairs.end(), std::back_inserter(others));
    }
    test.negative() ? search.Keep(UnionOf(others)) : search.Drop(UnionOf(others));
  }
}

std::shared_ptr<const SeriesIndex::Verdicts> SeriesIndex::VerdictsOf(const ValueTest& test,
                                                                     std::uint32_t name) const {
  constexpr std::size_t kCacheMax = 32;
  const std::string key = std::string(test.negative() ? "!" : "=") + test.matcher().name() + '\0' +
                          test.matcher().value();
  std::shared_ptr<const Verdicts> known;
  std::vector<std::string_view> values;
  {
    MutexLock lock(mutex_);
    if (const auto it = cache_.find(key); it != cache_.end()) {
      it->second.used = ++cache_uses_;
      known = it->second.verdicts;
    }
    const std::vector<PairId>& pairs = names_[name].pairs;
    for (std::size_t i = known == nullptr ? 0 : known->size(); i < pairs.size(); ++i) {
      values.push_back(pairs_[pairs[i]].value);
    }
  }
  if (values.empty() && known != nullptr) return known;
  auto verdicts = std::make_shared<Verdicts>();
  if (known != nullptr) *verdicts = *known;
  for (const std::string_view value : values) verdicts->push_back(test.Accepts(value) ? 1 : 0);
  MutexLock lock(mutex_);
  cache_[key] = {.verdicts = verdicts, .used = ++cache_uses_};
  if (cache_.size() > kCacheMax) {
    cache_.erase(std::min_element(cache_.begin(), cache_.end(), [](const auto& a, const auto& b) {
      return a.second.used < b.second.used;
    }));
  }
  return verdicts;
}

void SeriesIndex::MatchBySeries(const ValueTest& test, std::uint32_t name, Search& search) const {
  const std::vector<SeriesId> ids = search.left->ToVector();
  std::vector<PairId> pairs(ids.size(), IdTable::kNone);
  {
    MutexLock lock(mutex_);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      for (const PairId pair : ListOf(ids[i])) {
        if (pairs_[pair].name == name) pairs[i] = pair;
      }
    }
  }
  std::vector<PairId> distinct = pairs;
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  if (!distinct.empty() && distinct.back() == IdTable::kNone) distinct.pop_back();
  const std::vector<PairView> values = PairsOf(distinct);
  std::vector<PairId> good;
  for (std::size_t i = 0; i < distinct.size(); ++i) {
    if (test.Accepts(values[i].second)) good.push_back(distinct[i]);
  }
  std::vector<SeriesId> kept;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const bool keep = pairs[i] == IdTable::kNone
                          ? test.accepts_absent()
                          : std::binary_search(good.begin(), good.end(), pairs[i]);
    if (keep) kept.push_back(ids[i]);
  }
  search.left = IdSet::Of(kept);
  search.nothing = kept.empty();
}

void SeriesIndex::MatchByValues(const ValueTest& test, Search& search) const {
  std::uint32_t name = IdTable::kNone;
  std::size_t values = 0;
  {
    MutexLock lock(mutex_);
    name = FindName(test.matcher().name());
    if (name != IdTable::kNone) values = names_[name].pairs.size();
  }
  if (name == IdTable::kNone) {
    if (!test.accepts_absent()) search.Keep(IdSet());
    return;
  }
  if (search.left && search.left->count() < values) {
    MatchBySeries(test, name, search);
    return;
  }
  const std::shared_ptr<const Verdicts> verdicts = VerdictsOf(test, name);
  MutexLock lock(mutex_);
  std::vector<PairId> pairs;
  const std::uint8_t wanted = test.accepts_absent() ? 0 : 1;
  for (std::size_t i = 0; i < verdicts->size(); ++i) {
    if ((*verdicts)[i] == wanted) pairs.push_back(names_[name].pairs[i]);
  }
  // Values that came since belong to series that came since, which are left out below.
  wanted == 1 ? search.Keep(UnionOf(pairs)) : search.Drop(UnionOf(pairs));
}

std::vector<SeriesId> SeriesIndex::Match(const std::vector<Matcher>& matchers) const {
  std::vector<ValueTest> tests;
  tests.reserve(matchers.size());
  for (const Matcher& matcher : matchers) tests.emplace_back(matcher);
  // Positive lists first: they leave the fewest.
  std::stable_sort(tests.begin(), tests.end(), [](const ValueTest& a, const ValueTest& b) {
    return !a.negative() && b.negative();
  });
  Search search;
  MatchLists(tests, search);
  for (const ValueTest& test : tests) {
    if (!test.is_list() && !search.nothing) MatchByValues(test, search);
  }
  if (search.nothing) return {};
  if (!search.left) search.left = IdSet::Range(static_cast<SeriesId>(search.end));
  search.left->KeepBelow(static_cast<SeriesId>(search.end));
  {
    MutexLock lock(mutex_);
    if (!lost_.empty()) search.left->Minus(IdSet::Of(lost_));
  }
  return search.left->ToVector();
}

}  // namespace opssight
