#include "aggregator/store/metrics/head_target.h"

#include <algorithm>
#include <utility>

#include "aggregator/store/metrics/group.h"
#include "common/base/check.h"

namespace opssight {
namespace {

// Values of one column out of rows of one layout, which all have it.
void EncodeAlike(std::span<const OpenRow> rows, std::size_t columns, std::vector<ChunkHint>& hints,
                 GroupWriter& writer) {
  const LayoutColumns& layout = *rows[0].columns;
  std::vector<std::uint32_t> value_of(columns, kNoColumn);
  for (std::uint32_t i = 0; i < layout.size(); ++i) {
    if (layout[i] != kNoColumn) value_of[layout[i]] = i;
  }
  std::array<double, kOpenRowsMax> values;
  for (std::size_t column = 0; column < columns; ++column) {
    if (value_of[column] == kNoColumn) {
      writer.AddNone();
      continue;
    }
    for (std::size_t i = 0; i < rows.size(); ++i) values[i] = rows[i].values[value_of[column]];
    writer.AddDense(std::span(values).first(rows.size()), hints[column]);
  }
}

// Rows of several layouts.
void EncodeMixed(std::span<const OpenRow> rows, std::size_t columns, std::vector<ChunkHint>& hints,
                 GroupWriter& writer) {
  struct Cell {
    std::uint32_t column;
    std::uint32_t row;
    double value;
  };
  std::vector<Cell> cells;
  for (std::uint32_t row = 0; row < rows.size(); ++row) {
    const LayoutColumns& layout = *rows[row].columns;
    for (std::size_t i = 0; i < layout.size(); ++i) {
      if (layout[i] == kNoColumn) continue;
      cells.push_back({.column = layout[i], .row = row, .value = rows[row].values[i]});
    }
  }
  std::sort(cells.begin(), cells.end(), [](const Cell& a, const Cell& b) {
    return a.column != b.column ? a.column < b.column : a.row < b.row;
  });
  std::array<std::int64_t, kOpenRowsMax> positions;
  std::array<double, kOpenRowsMax> values;
  std::size_t next = 0;
  for (std::size_t column = 0; column < columns; ++column) {
    std::size_t count = 0;
    for (; next < cells.size() && cells[next].column == column; ++next, ++count) {
      positions[count] = cells[next].row;
      values[count] = cells[next].value;
    }
    const auto found = std::span(values).first(count);
    if (count == 0) {
      writer.AddNone();
    } else if (count == rows.size()) {
      writer.AddDense(found, hints[column]);
    } else {
      writer.AddSparse(std::span(positions).first(count), found, hints[column]);
    }
  }
}

}  // namespace

MiniGroup EncodeRows(std::span<const OpenRow> rows, std::size_t columns,
                     std::vector<ChunkHint>& hints) {
  std::vector<OpenRow> sorted(rows.begin(), rows.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const OpenRow& a, const OpenRow& b) { return a.time_ms < b.time_ms; });
  std::vector<std::int64_t> times;
  std::vector<std::int64_t> orders;
  for (const OpenRow& row : sorted) {
    times.push_back(row.time_ms);
    orders.push_back(row.order);
  }
  GroupWriter writer(times, orders);
  const bool alike = std::all_of(sorted.begin(), sorted.end(), [&](const OpenRow& row) {
    return row.columns == sorted[0].columns;
  });
  alike ? EncodeAlike(sorted, columns, hints, writer) : EncodeMixed(sorted, columns, hints, writer);
  return {.bytes = writer.Finish(), .min_ms = times.front(), .max_ms = times.back()};
}

double* OpenRows::Take(std::size_t count, std::size_t width) {
  if (count > left) {
    if (piece_count == pieces.size()) return nullptr;
    left = std::max(count, width) * kPieceRows;
    capacity += left;
    pieces[piece_count].reset(new double[left]);
    next = pieces[piece_count++].get();
  }
  left -= count;
  return std::exchange(next, next + count);
}

std::uint32_t HeadTarget::AddLayout(LayoutColumns columns,
                                    const std::vector<SeriesId>& new_series) {
  width_ += new_series.size();
  hints_.resize(width_, 0);
  MutexLock lock(mutex_);
  if (!new_series.empty()) {
    auto series = std::make_shared<std::vector<SeriesId>>();
    if (view_.series != nullptr) *series = *view_.series;
    series->insert(series->end(), new_series.begin(), new_series.end());
    auto runs = std::make_shared<IdRuns>(RunsOf(*series));
    std::sort(runs->begin(), runs->end(),
              [](const IdRun& a, const IdRun& b) { return a.first < b.first; });
    view_.series = std::move(series);
    view_.runs = std::move(runs);
  }
  view_.layouts.push_back(std::make_shared<const LayoutColumns>(std::move(columns)));
  return static_cast<std::uint32_t>(view_.layouts.size() - 1);
}

std::ptrdiff_t HeadTarget::Append(std::uint32_t layout, std::int64_t time_ms, std::int64_t order,
                                  std::span<const double> values) {
  std::ptrdiff_t gained = 0;
  double* at = nullptr;
  {
    MutexLock lock(mutex_);
    if (open_ != nullptr && view_.open_rows < rows_max_) {
      gained -= static_cast<std::ptrdiff_t>(open_->bytes());
      at = open_->Take(values.size(), width_);
      gained += static_cast<std::ptrdiff_t>(open_->bytes());
    }
  }
  if (at == nullptr) gained += Close();
  MutexLock lock(mutex_);
  if (at == nullptr) {
    open_ = std::make_shared<OpenRows>();
    view_.open = open_;
    view_.open_rows = 0;
    at = open_->Take(values.size(), width_);
    gained += static_cast<std::ptrdiff_t>(open_->bytes());
  }
  OPS_DCHECK(values.size() == view_.layouts[layout]->size(), "a row of {} values", values.size());
  std::copy(values.begin(), values.end(), at);
  open_->rows[view_.open_rows++] = {
      .time_ms = time_ms, .order = order, .values = at, .columns = view_.layouts[layout].get()};
  view_.min_ms = std::min(view_.min_ms, time_ms);
  view_.max_ms = std::max(view_.max_ms, time_ms);
  return gained;
}

// Codes the open rows, if there are any. Readers go on with what they have.
std::ptrdiff_t HeadTarget::Close() {
  std::shared_ptr<OpenRows> open;
  std::size_t rows = 0;
  {
    MutexLock lock(mutex_);
    open = open_;
    rows = view_.open_rows;
  }
  if (open == nullptr) return 0;
  rows_max_ = kOpenRowsMax;
  auto mini =
      std::make_shared<MiniGroup>(EncodeRows(std::span(open->rows).first(rows), width_, hints_));
  const std::ptrdiff_t gained =
      static_cast<std::ptrdiff_t>(mini->bytes.capacity() + sizeof(MiniGroup)) -
      static_cast<std::ptrdiff_t>(open->bytes());
  MutexLock lock(mutex_);
  view_.minis.push_back(std::move(mini));
  view_.open = nullptr;
  view_.open_rows = 0;
  open_ = nullptr;
  return gained;
}

void HeadTarget::MarkShared() {
  MutexLock lock(mutex_);
  view_.shared = true;
}

HeadTarget::View HeadTarget::Take() const {
  MutexLock lock(mutex_);
  return view_;
}

bool HeadTarget::Overlaps(std::int64_t from_ms, std::int64_t to_ms) const {
  MutexLock lock(mutex_);
  return view_.max_ms >= from_ms && view_.min_ms <= to_ms;
}

std::pair<std::int64_t, std::int64_t> HeadTarget::times() const {
  MutexLock lock(mutex_);
  return {view_.min_ms, view_.max_ms};
}

}  // namespace opssight
