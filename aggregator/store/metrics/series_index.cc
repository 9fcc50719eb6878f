#include "aggregator/store/metrics/series_index.h"

#include <algorithm>
#include <cstring>

#include "common/base/check.h"

namespace opssight {
namespace {

constexpr std::size_t kArenaBlock = 64UL << 10;
constexpr std::size_t kSlice = 256;  // Series at a time under the lock.

std::uint64_t PairHash(std::uint32_t name, std::string_view value) {
  return Hash64(value, name);
}

std::uint64_t HashOfList(std::span<const SeriesIndex::PairId> list) {
  return Hash64({reinterpret_cast<const char*>(list.data()), list.size_bytes()});
}

std::span<const SeriesIndex::PairId> ListAt(const std::vector<SeriesIndex::PairId>& lists,
                                            const std::vector<std::uint32_t>& ends, SeriesId id) {
  const std::uint32_t start = id == 0 ? 0 : ends[id - 1];
  return std::span(lists).subspan(start, ends[id] - start);
}

// What the tables call back. Functions of what is guarded, as the lock is held by
// their caller, which clang cannot know of a lambda.
template <class Names>
auto NameIs(const Names& names, std::string_view name) {
  return [&names, name](std::uint32_t id) { return names[id].text == name; };
}
template <class Names>
auto HashOfName(const Names& names) {
  return [&names](std::uint32_t id) { return Hash64(names[id].text); };
}
template <class Pairs>
auto PairIs(const Pairs& pairs, std::uint32_t name, std::string_view value) {
  return [&pairs, name, value](std::uint32_t id) {
    return pairs[id].name == name && pairs[id].value == value;
  };
}
template <class Pairs>
auto HashOfPair(const Pairs& pairs) {
  return [&pairs](std::uint32_t id) { return PairHash(pairs[id].name, pairs[id].value); };
}
auto ListIs(const std::vector<SeriesIndex::PairId>& lists, const std::vector<std::uint32_t>& ends,
            std::span<const SeriesIndex::PairId> list) {
  return [&lists, &ends, list](SeriesId id) {
    const auto known = ListAt(lists, ends, id);
    return std::equal(known.begin(), known.end(), list.begin(), list.end());
  };
}
auto HashOfListAt(const std::vector<SeriesIndex::PairId>& lists,
                  const std::vector<std::uint32_t>& ends) {
  return [&lists, &ends](SeriesId id) { return HashOfList(ListAt(lists, ends, id)); };
}

// The largest first; of equal ones the first.
void KeepLargest(std::size_t top, std::vector<std::pair<std::uint64_t, std::uint32_t>>& counts) {
  const std::size_t kept = std::min(top, counts.size());
  const auto larger = [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  };
  std::partial_sort(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(kept),
                    counts.end(), larger);
  counts.resize(kept);
}

// Calls fn for slices of items.
template <class T, class Fn>
void InSlices(std::span<const T> items, Fn fn) {
  for (std::size_t at = 0; at < items.size(); at += kSlice) {
    fn(items.subspan(at, std::min(kSlice, items.size() - at)));
  }
}

}  // namespace

std::string_view SeriesIndex::Keep(std::string_view text) {
  if (text.empty()) return {};
  if (text.size() > arena_left_) {
    arena_left_ = std::max(kArenaBlock, text.size());
    arena_bytes_ += arena_left_;
    arena_.push_back(std::make_unique<char[]>(arena_left_));
  }
  // The last block is filled from its end.
  char* at = arena_.back().get() + (arena_left_ -= text.size());
  std::memcpy(at, text.data(), text.size());
  return {at, text.size()};
}

std::uint32_t SeriesIndex::FindName(std::string_view name) const {
  return name_table_.Find(Hash64(name), NameIs(names_, name));
}

SeriesIndex::PairId SeriesIndex::FindPair(std::uint32_t name, std::string_view value) const {
  return pair_table_.Find(PairHash(name, value), PairIs(pairs_, name, value));
}

SeriesIndex::PairId SeriesIndex::InternPair(std::string_view name, std::string_view value) {
  std::uint32_t name_id = FindName(name);
  if (name_id == IdTable::kNone) {
    name_id = static_cast<std::uint32_t>(names_.size());
    names_.push_back({.text = Keep(name), .pairs = {}});
    name_table_.Insert(Hash64(name), name_id, HashOfName(names_));
  }
  PairId pair = FindPair(name_id, value);
  if (pair != IdTable::kNone) return pair;
  pair = static_cast<PairId>(pairs_.size());
  std::string content;
  AppendLabelKey(name, value, content);
  pairs_.push_back(
      {.name = name_id, .value = Keep(value), .key = HashOf128(content), .postings = {}});
  names_[name_id].pairs.push_back(pair);
  pair_table_.Insert(PairHash(name_id, value), pair, HashOfPair(pairs_));
  return pair;
}

std::span<const SeriesIndex::PairId> SeriesIndex::ListOf(SeriesId id) const {
  return ListAt(lists_, list_ends_, id);
}

SeriesId SeriesIndex::FindList(std::uint64_t hash, std::span<const PairId> list) const {
  return series_table_.Find(hash, ListIs(lists_, list_ends_, list));
}

void SeriesIndex::Enter(std::uint64_t hash, SeriesId id) {
  series_table_.Insert(hash, id, HashOfListAt(lists_, list_ends_));
}

SeriesId SeriesIndex::InternList(std::span<const PairId> list) {
  const std::uint64_t hash = HashOfList(list);
  const SeriesId known = FindList(hash, list);
  if (known != IdTable::kNone) return known;
  const SeriesId id = AppendList(list);
  Enter(hash, id);
  return id;
}

SeriesId SeriesIndex::AppendList(std::span<const PairId> list) {
  const auto id = static_cast<SeriesId>(list_ends_.size());
  lists_.insert(lists_.end(), list.begin(), list.end());
  OPS_CHECK(lists_.size() < UINT32_MAX, "series index: {} labels", lists_.size());
  list_ends_.push_back(static_cast<std::uint32_t>(lists_.size()));
  for (const PairId pair : list) pairs_[pair].postings.Add(id);
  postings_ += list.size();
  return id;
}

bool SeriesIndex::IsFull(std::string_view metric, std::uint64_t per_metric_max) const {
  if (per_metric_max == kNoLimit || metric.empty()) return false;
  const std::uint32_t name = FindName(kMetricName);
  if (name == IdTable::kNone) return false;
  const PairId pair = FindPair(name, metric);
  return pair != IdTable::kNone && pairs_[pair].postings.count() >= per_metric_max;
}

// Makes nothing: the labels of a series that is refused take no memory.
SeriesId SeriesIndex::FindLabels(const Labels& labels, std::vector<PairId>& scratch) const {
  scratch.clear();
  for (const Label& label : labels) {
    const std::uint32_t name = FindName(label.name);
    const PairId pair = name == IdTable::kNone ? IdTable::kNone : FindPair(name, label.value);
    if (pair == IdTable::kNone) return kNoSeries;
    scratch.push_back(pair);
  }
  return FindList(HashOfList(scratch), scratch);
}

SeriesId SeriesIndex::InternLabels(const Labels& labels, std::uint64_t per_metric_max,
                                   std::vector<PairId>& scratch) {
  if (IsFull(labels.Get(kMetricName), per_metric_max)) return FindLabels(labels, scratch);
  scratch.clear();
  for (const Label& label : labels) scratch.push_back(InternPair(label.name, label.value));
  return InternList(scratch);
}

SeriesId SeriesIndex::Intern(const Labels& labels, std::uint64_t per_metric_max) {
  std::vector<PairId> list;
  MutexLock lock(mutex_);
  return InternLabels(labels, per_metric_max, list);
}

std::vector<SeriesId> SeriesIndex::Intern(std::span<const LayoutSeries> series,
                                          std::uint64_t per_metric_max) {
  std::vector<SeriesId> ids;
  ids.reserve(series.size());
  std::vector<PairId> list;
  InSlices(series, [&](std::span<const LayoutSeries> slice) {
    MutexLock lock(mutex_);
    for (const LayoutSeries& one : slice) {
      ids.push_back(InternLabels(one.labels, per_metric_max, list));
    }
  });
  return ids;
}

void SeriesIndex::PadTo(SeriesId end) {
  MutexLock lock(mutex_);
  while (list_ends_.size() < end) {
    lost_.push_back(static_cast<SeriesId>(list_ends_.size()));
    list_ends_.push_back(static_cast<std::uint32_t>(lists_.size()));
  }
}

std::vector<Hash128> SeriesIndex::Keys(std::span<const SeriesId> ids) const {
  std::vector<Hash128> keys;
  keys.reserve(ids.size());
  std::vector<Hash128> content;
  InSlices(ids, [&](std::span<const SeriesId> slice) {
    MutexLock lock(mutex_);
    for (const SeriesId id : slice) {
      content.clear();
      for (const PairId pair : ListOf(id)) content.push_back(pairs_[pair].key);
      keys.push_back(HashOf128(
          {reinterpret_cast<const char*>(content.data()), content.size() * sizeof(Hash128)}));
    }
  });
  return keys;
}

void SeriesIndex::AppendLabels(std::span<const SeriesId> ids, std::vector<Labels>& out) const {
  out.reserve(out.size() + ids.size());
  InSlices(ids, [&](std::span<const SeriesId> slice) {
    MutexLock lock(mutex_);
    for (const SeriesId id : slice) {
      std::vector<Label> labels;
      const auto list = ListOf(id);
      labels.reserve(list.size());
      for (const PairId pair : list) {
        labels.push_back({.name = std::string(names_[pairs_[pair].name].text),
                          .value = std::string(pairs_[pair].value)});
      }
      out.emplace_back(std::move(labels));
    }
  });
}

void SeriesIndex::AddStrings(std::string_view name, std::span<const SeriesId> ids,
                             std::set<std::string>& out) const {
  std::uint32_t wanted = IdTable::kNone;
  if (!name.empty()) {
    MutexLock lock(mutex_);
    wanted = FindName(name);
    if (wanted == IdTable::kNone) return;
  }
  std::vector<bool> seen;  // By name, or by pair.
  InSlices(ids, [&](std::span<const SeriesId> slice) {
    MutexLock lock(mutex_);
    seen.resize(name.empty() ? names_.size() : pairs_.size());
    for (const SeriesId id : slice) {
      for (const PairId pair : ListOf(id)) {
        if (name.empty()) {
          seen[pairs_[pair].name] = true;
        } else if (pairs_[pair].name == wanted) {
          seen[pair] = true;
        }
      }
    }
  });
  MutexLock lock(mutex_);
  for (std::uint32_t i = 0; i < seen.size(); ++i) {
    if (!seen[i]) continue;
    const std::string_view text = name.empty() ? names_[i].text : pairs_[i].value;
    if (!text.empty()) out.emplace(text);
  }
}

std::size_t SeriesIndex::size() const {
  MutexLock lock(mutex_);
  return list_ends_.size();
}

std::size_t SeriesIndex::bytes() const {
  constexpr std::size_t kPostingBytes = 2;  // About, in a bitmap.
  MutexLock lock(mutex_);
  return arena_bytes_ + names_.size() * sizeof(Name) + pairs_.capacity() * sizeof(Pair) +
         (lists_.capacity() + list_ends_.capacity() + pairs_.size()) * sizeof(PairId) +
         postings_ * kPostingBytes + name_table_.bytes() + pair_table_.bytes() +
         series_table_.bytes();
}

void SeriesIndex::Statistics(std::size_t top, TsdbStatistics& out) const {
  using Count = std::pair<std::uint64_t, std::uint32_t>;  // Of a name or pair.
  std::vector<Count> metrics;
  std::vector<Count> values;
  std::vector<Count> bytes;
  std::vector<Count> pairs;
  MutexLock lock(mutex_);
  const std::uint32_t metric_name = FindName(kMetricName);
  for (std::uint32_t name = 0; name < names_.size(); ++name) {
    std::uint64_t size = 0;
    for (const PairId pair : names_[name].pairs) size += pairs_[pair].value.size();
    values.emplace_back(names_[name].pairs.size(), name);
    bytes.emplace_back(size, name);
  }
  for (PairId pair = 0; pair < pairs_.size(); ++pair) {
    const std::uint64_t count = pairs_[pair].postings.count();
    pairs.emplace_back(count, pair);
    if (pairs_[pair].name == metric_name) metrics.emplace_back(count, pair);
  }
  out.series = list_ends_.size() - lost_.size();
  out.label_pairs = pairs_.size();
  for (auto* counts : {&metrics, &values, &bytes, &pairs}) KeepLargest(top, *counts);
  const auto value_of = [](const std::vector<Pair>& all, std::uint32_t id) {
    return std::string(all[id].value);
  };
  const auto text_of = [](const std::vector<Name>& all, std::uint32_t id) {
    return std::string(all[id].text);
  };
  for (const auto& [n, id] : metrics) out.series_by_metric.emplace_back(value_of(pairs_, id), n);
  for (const auto& [n, id] : values) out.values_by_label.emplace_back(text_of(names_, id), n);
  for (const auto& [n, id] : bytes) out.bytes_by_label.emplace_back(text_of(names_, id), n);
  for (const auto& [n, id] : pairs) {
    out.series_by_label_value.emplace_back(
        text_of(names_, pairs_[id].name) + "=" + value_of(pairs_, id), n);
  }
}

SeriesIndex::Lists SeriesIndex::ListsOf(std::span<const SeriesId> ids) const {
  Lists out;
  out.ends.reserve(ids.size());
  InSlices(ids, [&](std::span<const SeriesId> slice) {
    MutexLock lock(mutex_);
    for (const SeriesId id : slice) {
      const auto list = ListOf(id);
      out.pairs.insert(out.pairs.end(), list.begin(), list.end());
      out.ends.push_back(static_cast<std::uint32_t>(out.pairs.size()));
    }
  });
  return out;
}

std::vector<SeriesIndex::PairView> SeriesIndex::PairsOf(std::span<const PairId> pairs) const {
  std::vector<PairView> out;
  out.reserve(pairs.size());
  MutexLock lock(mutex_);
  for (const PairId pair : pairs) {
    out.emplace_back(names_[pairs_[pair].name].text, pairs_[pair].value);
  }
  return out;
}

std::vector<SeriesIndex::PairId> SeriesIndex::InternPairs(std::span<const PairView> pairs) {
  std::vector<PairId> out;
  out.reserve(pairs.size());
  InSlices(pairs, [&](std::span<const PairView> slice) {
    MutexLock lock(mutex_);
    for (const PairView& pair : slice) out.push_back(InternPair(pair.first, pair.second));
  });
  return out;
}

std::vector<SeriesId> SeriesIndex::InternLists(const Lists& lists) {
  std::vector<SeriesId> out;
  out.reserve(lists.ends.size());
  std::uint32_t start = 0;
  InSlices(std::span<const std::uint32_t>(lists.ends), [&](std::span<const std::uint32_t> slice) {
    MutexLock lock(mutex_);
    for (const std::uint32_t end : slice) {
      out.push_back(InternList(std::span(lists.pairs).subspan(start, end - start)));
      start = end;
    }
  });
  return out;
}

void SeriesIndex::AppendLists(const Lists& lists) {
  MutexLock lock(mutex_);
  std::uint32_t start = 0;
  for (const std::uint32_t end : lists.ends) {
    const auto list = std::span(lists.pairs).subspan(start, end - start);
    start = end;
    const std::uint64_t hash = HashOfList(list);
    const bool known = FindList(hash, list) != IdTable::kNone;
    const SeriesId id = AppendList(list);
    if (!known) Enter(hash, id);
    unique_ &= !known;
  }
}

bool SeriesIndex::unique() const {
  MutexLock lock(mutex_);
  return unique_;
}

std::vector<SeriesId> SeriesCopier::Map(std::span<const SeriesId> ids) {
  SeriesIndex::Lists lists = from_.ListsOf(ids);
  std::vector<SeriesIndex::PairId> unknown;
  for (const SeriesIndex::PairId pair : lists.pairs) {
    if (pair >= pairs_.size()) pairs_.resize(pair + 1UL, IdTable::kNone);
    if (pairs_[pair] != IdTable::kNone) continue;
    pairs_[pair] = 0;  // Asked for; set below.
    unknown.push_back(pair);
  }
  const auto known = to_.InternPairs(from_.PairsOf(unknown));
  for (std::size_t i = 0; i < unknown.size(); ++i) pairs_[unknown[i]] = known[i];
  for (SeriesIndex::PairId& pair : lists.pairs) pair = pairs_[pair];
  return to_.InternLists(lists);
}

}  // namespace opssight
