#include "aggregator/store/rollup/rollup_reader.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include <fmt/core.h>

#include "aggregator/store/rollup/rollup_list.h"
#include "common/base/log.h"
#include "common/model/labels.h"

namespace opssight {
namespace {

// The name that all series must have, where the matchers say one.
std::optional<std::string> NameOf(const std::vector<Matcher>& matchers) {
  for (const Matcher& matcher : matchers) {
    if (matcher.name() == kMetricName && matcher.type() == MatchType::kEqual) {
      return matcher.value();
    }
  }
  return std::nullopt;
}

// The records of the days from `from` to `to`.
Status ReadDayRecords(ReadTxn& txn, const std::string& path, DayNumber from, DayNumber to,
                      RollupDays& out) {
  OPS_TRY(const Table table, txn.OpenTable(RollupFiles::kDays));
  for (DayNumber day = from; day <= to; ++day) {
    OPS_TRY(const auto bytes, txn.Get(table, DayKeyOf(day)));
    if (!bytes) continue;
    if (const auto known = DecodeRollupDay(*bytes)) {
      out[day] = *known;
      continue;
    }
    OPS_LOG_EVERY(60, kWarn, "rollup: {}: a day's record is damaged; samples are read instead",
                  path);
  }
  return {};
}

DayNumber LastDayOf(MonthNumber month) {
  return FirstDayOf(month + 1) - 1;
}

}  // namespace

Result<RollupDays> ReadRollupDays(const RollupFiles& files, std::int64_t resolution_ms,
                                  DayNumber from, DayNumber to) {
  RollupDays days;
  for (const MonthNumber month : files.Months(resolution_ms)) {
    const DayNumber first = std::max(from, FirstDayOf(month));
    const DayNumber last = std::min(to, LastDayOf(month));
    if (first > last) continue;
    OPS_TRY(const std::shared_ptr<Env> env, files.Find(resolution_ms, month));
    if (env == nullptr) continue;
    OPS_TRY(ReadTxn txn, env->BeginRead());
    OPS_RETURN_IF_ERROR(ReadDayRecords(txn, env->path(), first, last, days));
  }
  return days;
}

Status RollupReader::Read(std::int64_t resolution_ms, const std::set<DayNumber>& days,
                          const BucketParts& parts, const OnBuckets& fn) {
  return ReadAll(resolution_ms, days, parts, &fn);
}

Result<std::vector<Labels>> RollupReader::ReadLabels(std::int64_t resolution_ms,
                                                     const std::set<DayNumber>& days) {
  named_.clear();
  OPS_RETURN_IF_ERROR(ReadAll(resolution_ms, days, {}, nullptr));
  const std::vector<SeriesId> numbers(named_.begin(), named_.end());
  std::vector<Labels> labels;
  index_.AppendLabels(numbers, labels);
  return labels;
}

Status RollupReader::ReadAll(std::int64_t resolution_ms, const std::set<DayNumber>& days,
                             const BucketParts& parts, const OnBuckets* fn) {
  for (auto day = days.begin(); day != days.end();) {
    const MonthNumber number = MonthOfDay(*day);
    Month month = {.resolution_ms = resolution_ms, .days = {}, .parts = parts, .fn = fn};
    while (day != days.end() && MonthOfDay(*day) == number) month.days.push_back(*day++);
    OPS_TRY(const std::shared_ptr<Env> env, files_.Find(resolution_ms, number));
    if (env != nullptr) OPS_RETURN_IF_ERROR(ReadMonth(*env, month));
  }
  return {};
}

Status RollupReader::ReadMonth(Env& env, Month& month) {
  constexpr std::size_t kAskEach = 256;  // Blocks.
  OPS_TRY(ReadTxn txn, env.BeginRead());
  // As they are in this transaction: one may have been replaced since it was chosen.
  RollupDays records;
  OPS_RETURN_IF_ERROR(
      ReadDayRecords(txn, env.path(), month.days.front(), month.days.back(), records));
  for (const DayNumber day : month.days) {
    if (const auto it = records.find(day); it != records.end()) {
      month.generations[day] = it->second.generation;
    }
  }
  if (month.generations.empty()) return {};
  OPS_TRY(const Table lists, txn.OpenTable(RollupFiles::kLists));
  OPS_TRY(const Table blocks, txn.OpenTable(RollupFiles::kBlocks));
  OPS_TRY(Cursor cursor, txn.OpenCursor(blocks));
  const std::optional<std::string> name = NameOf(matchers_);
  const std::uint64_t metric = name ? Hash64(*name) : 0;
  const BlockKey first = {.metric = metric,
                          .day = name ? month.generations.begin()->first : 0,
                          .generation = 0,
                          .number = 0};
  OPS_TRY(auto at, cursor.Seek(first.ToBytes()));
  for (std::size_t read = 0; at; ++read) {
    if (read % kAskEach == 0 && limits_.cancelled && limits_.cancelled()) {
      return Unavailable("query cancelled");
    }
    const auto key = BlockKey::Parse(at->first);
    if (key && name && key->metric != metric) return {};
    const auto generation = key ? month.generations.find(key->day) : month.generations.end();
    if (generation != month.generations.end() && generation->second == key->generation) {
      const Status status = ReadBlock(txn, lists, month, *key, at->second);
      if (!status && status.error().code != ErrorCode::kCorrupt) return status;
      if (!status) {
        damaged_.insert(key->day);
        OPS_LOG_EVERY(60, kWarn, "rollup: {}: {}; left out of answers", env.path(),
                      status.error().message);
      }
    }
    OPS_TRY(at, cursor.Next());
  }
  return {};
}

Result<const std::vector<RollupReader::ListSeries>*> RollupReader::Find(ReadTxn& txn, Table lists,
                                                                        const Hash128& list) {
  if (const auto known = lists_.find(list); known != lists_.end()) return &known->second;
  SeriesIndex index;
  OPS_RETURN_IF_ERROR(LoadRollupList(txn, lists, list, index));
  const std::vector<SeriesId> ids = index.Match(matchers_);
  std::vector<Labels> labels;
  index.AppendLabels(ids, labels);
  std::vector<ListSeries> matched;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    matched.push_back({.place = ids[i], .number = index_.Intern(labels[i])});
  }
  if (index_.size() > limits_.series_max) {
    return Exhausted(
        fmt::format("query selects more than {} series; select fewer", limits_.series_max));
  }
  return &lists_.emplace(list, std::move(matched)).first->second;
}

Status RollupReader::ReadBlock(ReadTxn& txn, Table lists, const Month& month, const BlockKey& key,
                               std::string_view bytes) {
  OPS_TRY(const Hash128 list, RollupBlock::ListOf(bytes));
  OPS_TRY(const auto* series, Find(txn, lists, list));
  const auto is_named = [&](const ListSeries& one) { return named_.contains(one.number); };
  if (month.fn == nullptr && std::all_of(series->begin(), series->end(), is_named)) return {};
  if (series->empty()) return {};
  OPS_TRY(RollupBlock block, RollupBlock::Open(bytes, key.day, month.resolution_ms));
  DayBuckets buckets;
  for (const ListSeries& one : *series) {
    if (one.place >= block.size()) return Corrupt("block ORB1: it is not of its list");
    if (month.fn == nullptr) {
      if (!block.IsEmpty(one.place)) named_.insert(one.number);
      continue;
    }
    if (block.NeedsSamples(one.place)) {
      needs_samples_ = true;
      continue;
    }
    if (!block.Read(one.place, month.parts, buckets)) return Corrupt("block ORB1: a series");
    OPS_RETURN_IF_ERROR((*month.fn)(one.number, key.day, buckets));
  }
  return {};
}

}  // namespace opssight
