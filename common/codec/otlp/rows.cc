#include "common/codec/otlp/rows.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <numeric>

#include "common/base/check.h"

namespace opssight::otlp {

const LayoutCache::Entry* LayoutCache::Find(const Hash128& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  by_age_.splice(by_age_.end(), by_age_, found->second);
  return &found->second->second;
}

const LayoutCache::Entry& LayoutCache::Insert(const Hash128& key, Entry entry) {
  series_ += entry.place.size();
  by_age_.emplace_back(key, std::move(entry));
  by_key_[key] = std::prev(by_age_.end());
  while (series_ > series_max_ && by_age_.size() > 1) {
    series_ -= by_age_.front().second.place.size();
    by_key_.erase(by_age_.front().first);
    by_age_.pop_front();
  }
  return by_age_.back().second;
}

void RowBuilder::Resource(std::string key, std::vector<Label> info) {
  bytes_ += 2 * key.size();
  const std::uint64_t key_hash = Hash64(key);
  const auto [at, fresh] = group_by_key_.emplace(std::move(key), groups_.size());
  group_ = at->second;
  if (!fresh) return;
  Group& group = groups_.emplace_back();
  group.key_hash = key_hash;
  if (info.empty()) return;
  group.info = Series{.name = Name("target_info"),
                      .base = Base(std::move(info)),
                      .extra_name = {},
                      .extra_value = {},
                      .type = MetricType::kGauge};
}

std::uint32_t RowBuilder::Base(std::vector<Label> labels) {
  std::string key;
  BaseLabels base;
  for (const Label& label : labels) {
    AppendLabelKey(label.name, label.value, key);
    base.bytes += sizeof(Label) + label.name.size() + label.value.size();
  }
  base.hash = Hash64(key);
  base.labels = std::move(labels);
  bytes_ += sizeof(BaseLabels) + base.bytes;
  bases_.push_back(std::move(base));
  return static_cast<std::uint32_t>(bases_.size() - 1);
}

std::uint32_t RowBuilder::Name(std::string name) {
  bytes_ += name.size() + 48;
  const std::uint64_t hash = Hash64(name);
  names_.emplace_back(std::move(name), hash);
  return static_cast<std::uint32_t>(names_.size() - 1);
}

std::uint64_t RowBuilder::HashOf(const Series& series) const {
  const std::array<std::uint64_t, 3> parts = {
      names_[series.name].second, bases_[series.base].hash,
      Hash64(series.extra_value,
             Hash64(series.extra_name, static_cast<std::uint64_t>(series.type)))};
  return Hash64({reinterpret_cast<const char*>(parts.data()), sizeof parts});
}

Hash128 RowBuilder::Identity(std::uint32_t name, std::uint32_t base) const {
  const std::array<std::uint64_t, 3> parts = {names_[name].second, bases_[base].hash,
                                              groups_[group_].key_hash};
  return HashOf128({reinterpret_cast<const char*>(parts.data()), sizeof parts});
}

std::size_t RowBuilder::BytesFor(std::uint32_t base, std::size_t count) const {
  return count * (sizeof(Sample) + 2 * sizeof(Label) + bases_[base].bytes);
}

void RowBuilder::Add(Series series, std::int64_t time_ms, double value) {
  OPS_CHECK(group_ < groups_.size(), "a sample before its resource");
  bytes_ += BytesFor(series.base, 1);
  const std::uint64_t hash = HashOf(series);
  groups_[group_].samples.push_back(
      {.hash = hash, .time_ms = time_ms, .value = value, .series = std::move(series)});
}

void RowBuilder::SeenBeside(std::int64_t time_ms) {
  std::vector<std::int64_t>& times = groups_[group_].beside;
  if (times.empty() || times.back() != time_ms) times.push_back(time_ms);
}

std::vector<MetricRow> RowBuilder::Take() {
  std::vector<MetricRow> rows;
  for (Group& group : groups_) TakeGroup(group, rows);
  groups_.clear();
  group_by_key_.clear();
  bases_.clear();
  names_.clear();
  bytes_ = 0;
  return rows;
}

void RowBuilder::TakeGroup(Group& group, std::vector<MetricRow>& rows) {
  Sample info;
  if (group.info) {
    info.series = *group.info;
    info.hash = HashOf(info.series);
    info.value = 1;
    if (group.samples.empty()) return TakeInfo(info, std::move(group.beside), rows);
  }
  std::vector<const Sample*> left;
  for (const Sample& sample : group.samples) left.push_back(&sample);
  std::stable_sort(left.begin(), left.end(),
                   [](const Sample* a, const Sample* b) { return a->time_ms < b->time_ms; });
  std::vector<const Sample*> row;
  while (!left.empty()) {
    const std::int64_t time_ms = left.front()->time_ms;
    const auto end = std::find_if(left.begin(), left.end(), [&](const Sample* sample) {
      return sample->time_ms - time_ms > align_ms_;
    });
    row.assign(left.begin(), end);
    if (group.info) row.push_back(&info);
    std::stable_sort(row.begin(), row.end(),
                     [](const Sample* a, const Sample* b) { return a->hash < b->hash; });
    // Of one series the earliest stays; a later one gets a row of its own.
    std::vector<const Sample*> later;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (kept == 0 || row[kept - 1]->hash != row[i]->hash) {
        row[kept++] = row[i];
      } else if (row[i] == &info) {  // The client sends the very same series.
      } else if (row[kept - 1]->time_ms != row[i]->time_ms) {
        later.push_back(row[i]);
      } else {
        ++duplicates_;
      }
    }
    for (std::size_t i = 0; i < kept;) {
      const std::size_t count = Fitting(row.data() + i, kept - i);
      TakeRow(row.data() + i, count, time_ms, rows);
      i += count;
    }
    std::stable_sort(later.begin(), later.end(),
                     [](const Sample* a, const Sample* b) { return a->time_ms < b->time_ms; });
    later.insert(later.end(), end, left.end());
    left = std::move(later);
  }
}

void RowBuilder::TakeInfo(const Sample& info, std::vector<std::int64_t> times,
                          std::vector<MetricRow>& rows) {
  std::sort(times.begin(), times.end());
  const Sample* const row = &info;
  std::optional<std::int64_t> last;
  for (const std::int64_t time_ms : times) {
    if (last && time_ms - *last <= align_ms_) continue;
    TakeRow(&row, 1, time_ms, rows);
    last = time_ms;
  }
}

std::size_t RowBuilder::Fitting(const Sample* const* samples, std::size_t count) const {
  std::size_t fitting = 0;
  std::size_t bytes = 0;
  while (fitting < std::min(count, limits_.layout_series_max)) {
    bytes += BytesFor(samples[fitting]->series.base, 1);
    if (fitting != 0 && bytes > limits_.layout_bytes_max) break;
    ++fitting;
  }
  return fitting;
}

void RowBuilder::TakeRow(const Sample* const* samples, std::size_t count, std::int64_t time_ms,
                         std::vector<MetricRow>& rows) {
  std::string key;
  key.reserve(count * 8);
  for (std::size_t i = 0; i < count; ++i) {
    key.append(reinterpret_cast<const char*>(&samples[i]->hash), 8);
  }
  const Hash128 set = HashOf128(key);
  const LayoutCache::Entry* entry = cache_.Find(set);
  if (entry == nullptr) entry = &cache_.Insert(set, NewLayout(samples, count));
  MetricRow row{.layout = entry->layout, .time_ms = time_ms, .values = {}};
  row.values.resize(count);
  for (std::size_t i = 0; i < count; ++i) row.values[entry->place[i]] = samples[i]->value;
  rows.push_back(std::move(row));
}

LayoutCache::Entry RowBuilder::NewLayout(const Sample* const* samples, std::size_t count) const {
  std::vector<LayoutSeries> series(count);
  for (std::size_t i = 0; i < count; ++i) {
    series[i] = {.labels = LabelsOf(samples[i]->series), .type = samples[i]->series.type};
  }
  // Sorted by labels: like stands by like, and the order does not depend on hashes.
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t a, std::uint32_t b) { return series[a].labels < series[b].labels; });
  LayoutCache::Entry entry;
  entry.place.resize(count);
  std::vector<LayoutSeries> sorted;
  sorted.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    entry.place[order[i]] = i;
    sorted.push_back(std::move(series[order[i]]));
  }
  entry.layout = std::make_shared<const Layout>(std::move(sorted));
  return entry;
}

Labels RowBuilder::LabelsOf(const Series& series) const {
  std::vector<Label> labels = bases_[series.base].labels;
  if (!series.extra_name.empty()) {
    labels.push_back({.name = std::string(series.extra_name), .value = series.extra_value});
  }
  labels.push_back({.name = std::string(kMetricName), .value = names_[series.name].first});
  return Labels(std::move(labels));
}

}  // namespace opssight::otlp
