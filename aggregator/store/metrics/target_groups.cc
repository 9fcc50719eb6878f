#include "aggregator/store/metrics/target_groups.h"

#include <algorithm>

#include "aggregator/store/metrics/group.h"
#include "common/base/check.h"

namespace opssight {
namespace {

constexpr std::uint32_t kNoRow = UINT32_MAX;

// The rows of all minis in the order of their times.
struct Rows {
  std::vector<std::int64_t> times;
  std::vector<std::int64_t> orders;
  bool equal_times = false;
};

struct Mini {
  GroupReader reader;
  std::vector<std::uint32_t> rows;  // Of Rows, by row of the mini; kNoRow: not of the day.
  bool in_place = false;            // rows are rows[0], rows[0] + 1, …
};

Rows SortRows(std::vector<Mini>& minis, std::int64_t from_ms, std::int64_t to_ms) {
  struct Row {
    std::int64_t time_ms;
    std::int64_t order;
    std::uint32_t* place;
  };
  std::vector<Row> all;
  for (Mini& mini : minis) {
    mini.rows.assign(mini.reader.times().size(), kNoRow);
    for (std::size_t i = 0; i < mini.rows.size(); ++i) {
      const std::int64_t time_ms = mini.reader.times()[i];
      if (time_ms < from_ms || time_ms >= to_ms) continue;
      all.push_back({.time_ms = time_ms, .order = mini.reader.orders()[i], .place = &mini.rows[i]});
    }
  }
  std::sort(all.begin(), all.end(), [](const Row& a, const Row& b) {
    return a.time_ms != b.time_ms ? a.time_ms < b.time_ms : a.order < b.order;
  });
  Rows rows;
  for (const Row& row : all) {
    rows.equal_times |= !rows.times.empty() && rows.times.back() == row.time_ms;
    *row.place = static_cast<std::uint32_t>(rows.times.size());
    rows.times.push_back(row.time_ms);
    rows.orders.push_back(row.order);
  }
  for (Mini& mini : minis) {
    mini.in_place = mini.rows[0] != kNoRow;
    for (std::size_t i = 1; i < mini.rows.size(); ++i) {
      mini.in_place &= mini.rows[i] == mini.rows[0] + i;
    }
  }
  return rows;
}

// One column over all rows; has[i] says whether row i has it.
struct Column {
  std::vector<double> values;
  std::vector<std::uint8_t> has;
  std::size_t count = 0;
};

void ReadColumn(const std::vector<Mini>& minis, std::size_t column, GroupColumn& part,
                Column& out) {
  std::fill(out.has.begin(), out.has.end(), 0);
  out.count = 0;
  for (const Mini& mini : minis) {
    if (column >= mini.reader.columns()) continue;  // It came later.
    // Of our own making a moment ago, in memory.
    OPS_CHECK(mini.reader.Read(column, part), "metrics: head of column {} is broken", column);
    if (part.count == 0) continue;
    if (part.dense && mini.in_place) {
      std::copy_n(part.values.begin(), part.count, out.values.begin() + mini.rows[0]);
      std::fill_n(out.has.begin() + mini.rows[0], part.count, 1);
      out.count += part.count;
      continue;
    }
    for (std::size_t i = 0; i < part.count; ++i) {
      const auto at = part.dense ? i : static_cast<std::size_t>(part.positions[i]);
      const std::uint32_t row = mini.rows[at];
      if (row == kNoRow) continue;
      out.values[row] = part.values[i];
      out.has[row] = 1;
      ++out.count;
    }
  }
}

// Of the values at one time the last stays.
void DropOverwritten(const Rows& rows, Column& column) {
  std::size_t next = rows.times.size();  // The row after that has the column.
  for (std::size_t i = rows.times.size(); i-- > 0;) {
    if (column.has[i] == 0) continue;
    if (next < rows.times.size() && rows.times[next] == rows.times[i]) {
      column.has[i] = 0;
      --column.count;
    } else {
      next = i;
    }
  }
}

// A group in the making: rows [from, to).
struct Piece {
  std::size_t from;
  std::size_t to;
  GroupWriter writer;
  std::vector<std::uint32_t> columns;
};

void AddTo(Piece& piece, std::uint32_t number, const Column& column, ChunkHint& hint) {
  const std::size_t rows = piece.to - piece.from;
  const std::span<const double> values = std::span(column.values).subspan(piece.from, rows);
  if (column.count == column.values.size()) {
    piece.writer.AddDense(values, hint);
    piece.columns.push_back(number);
    return;
  }
  std::vector<std::int64_t> positions;
  std::vector<double> found;
  for (std::size_t i = 0; i < rows; ++i) {
    if (column.has[piece.from + i] == 0) continue;
    positions.push_back(static_cast<std::int64_t>(i));
    found.push_back(values[i]);
  }
  if (found.empty()) return;
  if (found.size() == rows) {
    piece.writer.AddDense(found, hint);
  } else {
    piece.writer.AddSparse(positions, found, hint);
  }
  piece.columns.push_back(number);
}

std::vector<Piece> MakePieces(const Rows& rows, bool keep_orders) {
  const std::size_t count = (rows.times.size() + kStoredRowsMax - 1) / kStoredRowsMax;
  std::vector<Piece> pieces;
  pieces.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t from = rows.times.size() * i / count;
    const std::size_t to = rows.times.size() * (i + 1) / count;
    const auto times = std::span(rows.times).subspan(from, to - from);
    const auto orders = keep_orders ? std::span(rows.orders).subspan(from, to - from)
                                    : std::span<const std::int64_t>();
    pieces.push_back({.from = from, .to = to, .writer = GroupWriter(times, orders), .columns = {}});
  }
  return pieces;
}

}  // namespace

std::vector<std::shared_ptr<const MiniGroup>> MinisOf(const HeadTarget::View& view) {
  std::vector<std::shared_ptr<const MiniGroup>> minis = view.minis;
  if (view.open != nullptr && view.open_rows != 0) {
    std::vector<ChunkHint> hints(view.series->size(), 0);
    minis.push_back(std::make_shared<const MiniGroup>(
        EncodeRows(std::span(view.open->rows).first(view.open_rows), view.series->size(), hints)));
  }
  return minis;
}

void GroupsOf(const std::vector<std::shared_ptr<const MiniGroup>>& minis, std::size_t columns,
              bool keep_orders, std::int64_t from_ms, std::int64_t to_ms, const EmitGroup& emit) {
  std::vector<Mini> opened;
  for (const auto& mini : minis) {
    if (mini->max_ms < from_ms || mini->min_ms >= to_ms) continue;
    OPS_CHECK(opened.emplace_back().reader.Open(mini->bytes), "metrics: head group is broken");
  }
  if (opened.empty()) return;
  const Rows rows = SortRows(opened, from_ms, to_ms);
  if (rows.times.empty()) return;
  GroupColumn part;
  Column column{.values = std::vector<double>(rows.times.size()),
                .has = std::vector<std::uint8_t>(rows.times.size())};
  for (std::size_t first = 0; first < columns; first += kStoredColumnsMax) {
    std::vector<Piece> pieces = MakePieces(rows, keep_orders);
    for (std::size_t i = first; i < std::min(columns, first + kStoredColumnsMax); ++i) {
      ReadColumn(opened, i, part, column);
      if (rows.equal_times) DropOverwritten(rows, column);
      if (column.count == 0) continue;
      ChunkHint hint = 0;
      for (Piece& piece : pieces) AddTo(piece, static_cast<std::uint32_t>(i), column, hint);
    }
    for (const Piece& piece : pieces) {
      if (piece.columns.empty()) continue;
      emit(piece.columns, piece.writer.Finish(), rows.times[piece.from], rows.times[piece.to - 1]);
    }
  }
}

}  // namespace opssight
