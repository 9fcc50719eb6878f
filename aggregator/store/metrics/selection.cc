#include "aggregator/store/metrics/selection.h"

#include <algorithm>

#include <fmt/core.h>

#include "aggregator/store/metrics/series_slots.h"

namespace opssight {

Result<std::unique_ptr<Selection>> Selection::Make(SelectedParts parts, const SelectionRange& range,
                                                   const QueryLimits& limits) {
  const Error too_many =
      Exhausted(fmt::format("query selects more than {} series; select fewer", limits.series_max));
  std::vector<IndexIds> indexes;
  for (const auto& part : parts) {
    const SelectedSeries& series = part->series();
    if (series.ids.size() > limits.series_max) return too_many;
    indexes.push_back({.index = *series.names, .ids = series.NameIds()});
  }
  SeriesSlots slots = NumberSeries(indexes);
  if (slots.count > limits.series_max) return too_many;
  std::unique_ptr<Selection> made(new Selection(std::move(parts), range, limits));
  made->portions_ =
      slots.count / range.portion_series + (slots.count % range.portion_series != 0 ? 1 : 0);
  for (std::size_t i = 0; i < made->parts_.size(); ++i) {
    made->splits_.push_back(made->SplitOf(*made->parts_[i], std::move(slots.of[i])));
  }
  return made;
}

Selection::Split Selection::SplitOf(const SelectedPart& part,
                                    std::vector<std::uint32_t> slots) const {
  const auto portion_of = [&](std::uint32_t slot) { return slot / range_.portion_series; };
  Split split{.slots = std::move(slots), .positions = {}, .begins = {}, .pieces = {}};
  // By portion, by counting.
  split.begins.resize(portions_ + 1);
  for (const std::uint32_t slot : split.slots) ++split.begins[portion_of(slot) + 1];
  for (std::size_t i = 1; i < split.begins.size(); ++i) split.begins[i] += split.begins[i - 1];
  split.positions.resize(split.slots.size());
  std::vector<std::size_t> next = split.begins;
  for (std::uint32_t i = 0; i < split.slots.size(); ++i) {
    split.positions[next[portion_of(split.slots[i])]++] = i;
  }
  split.pieces.resize(portions_);
  std::vector<std::size_t> seen(portions_);  // The piece that a portion got last, and one.
  for (std::uint32_t piece = 0; piece < part.pieces(); ++piece) {
    ForEachIn(part.RunsOf(piece), part.series().ids, [&](std::size_t i, std::uint32_t) {
      const std::size_t portion = portion_of(split.slots[i]);
      if (seen[portion] == piece + 1UL) return;
      seen[portion] = piece + 1UL;
      split.pieces[portion].push_back(piece);
    });
  }
  return split;
}

Result<std::vector<Series>> Selection::Read(std::size_t portion) {
  {
    Gather gather(range_.from_ms, range_.to_ms, {.cancelled = cancelled_, .samples = samples_},
                  Gather::Orders::kLeaveOut);
    OPS_RETURN_IF_ERROR(Fill(portion, gather));
    if (!gather.NeedsOrders()) return gather.Finish(range_.labels);
    samples_.TakeBack(gather.samples());
  }  // Gone before the second try, which is as large.
  Gather again(range_.from_ms, range_.to_ms, {.cancelled = cancelled_, .samples = samples_},
               Gather::Orders::kKeep);
  OPS_RETURN_IF_ERROR(Fill(portion, again));
  return again.Finish(range_.labels);
}

Status Selection::Fill(std::size_t portion, Gather& out) const {
  const auto first_slot = static_cast<std::uint32_t>(portion * range_.portion_series);
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Split& split = splits_[i];
    const std::size_t begin = split.begins[portion];
    const std::size_t end = split.begins[portion + 1];
    if (begin == end) continue;
    const SelectedSeries& all = parts_[i]->series();
    SelectedSeries some{.ids = {}, .names = all.names, .name_ids = {}};
    std::vector<std::uint32_t> slots;
    some.ids.reserve(end - begin);
    slots.reserve(end - begin);
    for (std::size_t at = begin; at < end; ++at) {
      const std::uint32_t position = split.positions[at];
      some.ids.push_back(all.ids[position]);
      if (!all.name_ids.empty()) some.name_ids.push_back(all.name_ids[position]);
      slots.push_back(split.slots[position] - first_slot);
    }
    OPS_RETURN_IF_ERROR(out.StartIndex(std::move(some), std::move(slots)));
    OPS_RETURN_IF_ERROR(parts_[i]->Read(split.pieces[portion], out));
  }
  return {};
}

}  // namespace opssight
