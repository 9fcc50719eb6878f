#include "aggregator/store/metrics/head_reader.h"

#include <algorithm>
#include <array>

namespace opssight {

Status HeadReader::Read(const HeadTarget::View& view) {
  if (view.runs == nullptr) return {};
  wanted_.clear();
  ForEachIn(*view.runs, out_.ids(), [this](std::size_t i, std::uint32_t column) {
    wanted_.push_back({.i = i, .column = column});
  });
  if (wanted_.empty()) return {};
  OPS_RETURN_IF_ERROR(out_.CheckCancelled());
  for (const auto& mini : view.minis) {
    if (mini->max_ms < out_.from_ms() || mini->min_ms > out_.to_ms()) continue;
    OPS_RETURN_IF_ERROR(ReadMini(*mini));
  }
  return view.open == nullptr ? Status() : ReadOpen(view);
}

Status HeadReader::ReadMini(const MiniGroup& mini) {
  if (!group_.Open(mini.bytes)) return Internal("metrics: a group in memory is broken");
  group_.Narrow(out_.from_ms(), out_.to_ms());
  for (const Wanted& one : wanted_) {
    if (one.column >= group_.columns()) continue;  // It came later.
    if (!group_.Read(one.column, values_)) {
      return Internal("metrics: a column in memory is broken");
    }
    OPS_RETURN_IF_ERROR(out_.Add(one.i, group_, values_));
  }
  return {};
}

Status HeadReader::ReadOpen(const HeadTarget::View& view) {
  std::vector<const OpenRow*> rows;
  for (std::size_t i = 0; i < view.open_rows; ++i) rows.push_back(&view.open->rows[i]);
  std::stable_sort(rows.begin(), rows.end(),
                   [](const OpenRow* a, const OpenRow* b) { return a->time_ms < b->time_ms; });
  const bool strict =
      std::adjacent_find(rows.begin(), rows.end(), [](const OpenRow* a, const OpenRow* b) {
        return a->time_ms == b->time_ms;
      }) == rows.end();
  // Where each layout has the target's columns.
  std::vector<std::pair<const LayoutColumns*, std::vector<std::uint32_t>>> places;
  std::vector<std::size_t> place_of_row;
  for (const OpenRow* row : rows) {
    std::size_t place = 0;
    while (place < places.size() && places[place].first != row->columns) ++place;
    if (place == places.size()) {
      places.emplace_back(row->columns, std::vector<std::uint32_t>(view.series->size(), kNoColumn));
      for (std::uint32_t i = 0; i < row->columns->size(); ++i) {
        if ((*row->columns)[i] != kNoColumn) places.back().second[(*row->columns)[i]] = i;
      }
    }
    place_of_row.push_back(place);
  }
  std::array<std::int64_t, kOpenRowsMax> times;
  std::array<std::int64_t, kOpenRowsMax> orders;
  std::array<double, kOpenRowsMax> values;
  for (const Wanted& one : wanted_) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::uint32_t at = places[place_of_row[i]].second[one.column];
      if (at == kNoColumn) continue;
      times[count] = rows[i]->time_ms;
      orders[count] = rows[i]->order;
      values[count++] = rows[i]->values[at];
    }
    OPS_RETURN_IF_ERROR(out_.Add(one.i, std::span(times).first(count),
                                 std::span(values).first(count), std::span(orders).first(count),
                                 strict));
  }
  return {};
}

}  // namespace opssight
