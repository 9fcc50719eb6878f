#include "aggregator/store/metrics/tombstones.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bytes/endian.h"
#include "common/bytes/varint.h"

namespace opssight {
namespace {

bool IsOfDay(const Tombstone& tombstone, DayNumber day) {
  return DayOfMs(tombstone.from_ms) <= day && DayOfMs(tombstone.to_ms) >= day;
}

}  // namespace

TombstoneList OfDay(const TombstoneList& tombstones, DayNumber day) {
  TombstoneList out;
  for (const auto& one : tombstones) {
    if (IsOfDay(*one, day)) out.push_back(one);
  }
  return out;
}

std::string EncodeTombstone(const Tombstone& tombstone) {
  std::string out;
  PutZigZag(out, tombstone.from_ms);
  PutZigZag(out, tombstone.to_ms);
  PutVarint(out, tombstone.cut);
  PutVarint(out, tombstone.matchers.size());
  for (const Matcher& matcher : tombstone.matchers) {
    PutVarint(out, static_cast<std::uint64_t>(matcher.type()));
    PutString(out, matcher.name());
    PutString(out, matcher.value());
  }
  return out;
}

Result<Tombstone> DecodeTombstone(std::string_view bytes) {
  const Error bad = Corrupt("metrics: a tombstone in meta.mdb");
  const auto from_ms = GetZigZag(bytes);
  const auto to_ms = GetZigZag(bytes);
  const auto cut = GetVarint(bytes);
  const auto matchers = GetVarint(bytes);
  if (!from_ms || !to_ms || !cut || !matchers || *matchers > bytes.size()) return bad;
  Tombstone out{.from_ms = *from_ms, .to_ms = *to_ms, .cut = *cut};
  for (std::uint64_t i = 0; i < *matchers; ++i) {
    const auto type = GetVarint(bytes);
    const auto name = GetString(bytes);
    const auto value = GetString(bytes);
    if (!type || !name || !value || *type > static_cast<std::uint64_t>(MatchType::kNotRegex)) {
      return bad;
    }
    OPS_TRY(Matcher matcher,
            Matcher::Make(static_cast<MatchType>(*type), std::string(*name), std::string(*value)));
    out.matchers.push_back(std::move(matcher));
  }
  return out;
}

Status Tombstones::Load(const std::shared_ptr<GuardedEnv>& meta) {
  if (meta == nullptr) return {};
  OPS_TRY(MetaTable table, MetaTable::Open(meta, "metric-tombstones"));
  OPS_TRY(const auto entries, table.List());
  table_.emplace(std::move(table));
  TombstoneList list;
  std::uint64_t next = 1;
  for (const auto& [key, value] : entries) {
    std::string_view rest = key;
    const auto number = GetBe<std::uint64_t>(rest);
    auto read = DecodeTombstone(value);
    if (!number || !read) {
      OPS_LOG(kError, "metrics: a tombstone in meta.mdb is damaged: what it hid shows again");
      continue;
    }
    read->number = *number;
    next = std::max(next, *number + 1);
    list.push_back(std::make_shared<const Tombstone>(*std::move(read)));
  }
  MutexLock lock(mutex_);
  next_ = next;
  list_ = std::make_shared<const TombstoneList>(std::move(list));
  return {};
}

Status Tombstones::Add(Tombstone tombstone) {
  MutexLock lock(mutex_);
  if (list_->size() >= kMax) {
    return Exhausted(
        fmt::format("metrics: {} deletions wait; clean tombstones, then delete again", kMax));
  }
  tombstone.number = next_;
  if (table_) {
    OPS_RETURN_IF_ERROR(table_->Put(BeBytes(tombstone.number), EncodeTombstone(tombstone)));
  }
  ++next_;
  TombstoneList list = *list_;
  list.push_back(std::make_shared<const Tombstone>(std::move(tombstone)));
  list_ = std::make_shared<const TombstoneList>(std::move(list));
  return {};
}

Status Tombstones::Remove(const TombstoneList& gone) {
  if (gone.empty()) return {};
  std::set<std::uint64_t> numbers;
  for (const auto& one : gone) numbers.insert(one->number);
  MutexLock lock(mutex_);
  if (table_) {
    OPS_RETURN_IF_ERROR(table_->Update([&numbers](MetaTable::Edit& edit) -> Status {
      for (const std::uint64_t number : numbers) {
        OPS_TRY(const bool there, edit.Delete(BeBytes(number)));
        (void)there;
      }
      return {};
    }));
  }
  TombstoneList list;
  for (const auto& one : *list_) {
    if (!numbers.contains(one->number)) list.push_back(one);
  }
  list_ = std::make_shared<const TombstoneList>(std::move(list));
  return {};
}

Status Tombstones::DropAllBut(const std::vector<DayNumber>& days) {
  const std::shared_ptr<const TombstoneList> all = All();
  TombstoneList gone;
  for (const auto& one : *all) {
    if (std::none_of(days.begin(), days.end(), [&](DayNumber day) { return IsOfDay(*one, day); })) {
      gone.push_back(one);
    }
  }
  return Remove(gone);
}

std::shared_ptr<const TombstoneList> Tombstones::All() const {
  MutexLock lock(mutex_);
  return list_;
}

}  // namespace opssight
