#include "aggregator/store/metrics/head_reader.h"

#include <algorithm>
#include <array>

namespace opssight {
namespace {

// Reads targets into a Gather.
class HeadReader {
 public:
  explicit HeadReader(Gather& out) : out_(out) {}
  // The series that out.ids() wants of the target.
  Status Read(const HeadTarget::View& view);

 private:
  Status ReadMini(const MiniGroup& mini);
  Status ReadOpen(const HeadTarget::View& view);

  Gather& out_;
  struct Wanted {
    std::size_t i;  // In out.ids().
    std::uint32_t column;
  };
  std::vector<Wanted> wanted_;
  GroupReader group_;
  GroupColumn values_;
};

Status HeadReader::Read(const HeadTarget::View& view) {
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

Status ReadHistograms(const HistogramHead& head, Gather& out) {
  for (const std::size_t i : head.Overlapping(out.ids(), out.from_ms(), out.to_ms())) {
    std::vector<HistogramPoint> points;
    if (!PointsOf(head.Take(out.ids()[i]), out.from_ms(), out.to_ms(), points)) {
      return Internal("metrics: histograms in memory are broken");
    }
    OPS_RETURN_IF_ERROR(out.CheckCancelled());
    OPS_RETURN_IF_ERROR(out.Add(i, std::move(points)));
  }
  return {};
}

class HeadPart final : public SelectedPart {
 public:
  HeadPart(std::shared_ptr<const MetricsHead> head, std::vector<SeriesId> ids,
           std::vector<HeadTarget::View> targets)
      : SelectedPart({.ids = std::move(ids),
                      .names = std::shared_ptr<const SeriesIndex>(head, &head->index()),
                      .name_ids = {}}),
        head_(std::move(head)),
        targets_(std::move(targets)) {}

  std::size_t pieces() const override { return targets_.size(); }
  const IdRuns& RunsOf(std::size_t piece) const override { return *targets_[piece].runs; }

  Status Read(std::span<const std::uint32_t> pieces, Gather& out) const override {
    out.StartLayer();
    HeadReader reader(out);
    for (const std::uint32_t piece : pieces) {
      OPS_RETURN_IF_ERROR(reader.Read(targets_[piece]));
    }
    return ReadHistograms(head_->histograms(), out);
  }

 private:
  const std::shared_ptr<const MetricsHead> head_;
  const std::vector<HeadTarget::View> targets_;
};

}  // namespace

std::unique_ptr<SelectedPart> SelectHead(std::shared_ptr<const MetricsHead> head,
                                         const std::vector<Matcher>& matchers, std::int64_t from_ms,
                                         std::int64_t to_ms) {
  std::vector<SeriesId> ids = head->index().Match(matchers);
  if (ids.empty()) return nullptr;
  std::vector<HeadTarget::View> targets;
  for (const auto& target : head->Targets()) {
    if (!target->Overlaps(from_ms, to_ms)) continue;
    HeadTarget::View view = target->Take();
    if (view.runs != nullptr && Meets(*view.runs, ids)) targets.push_back(std::move(view));
  }
  return std::make_unique<HeadPart>(std::move(head), std::move(ids), std::move(targets));
}

}  // namespace opssight
