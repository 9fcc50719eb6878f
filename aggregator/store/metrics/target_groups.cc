#include "aggregator/store/metrics/target_groups.h"

#include <algorithm>

#include "aggregator/store/metrics/group.h"
#include "common/base/check.h"

namespace opssight {
namespace {

constexpr std::uint32_t kNoRow = UINT32_MAX;

// The rows of all minis in the order of their times. Rows of one time that are joined are
// one here: the source's row came in parts, as remote write's requests end anywhere.
struct Rows {
  std::vector<std::int64_t> times;
  std::vector<std::int64_t> orders;  // Of the last part.
  bool equal_times = false;
};

struct Mini {
  GroupReader reader;
  std::vector<std::uint32_t> rows;  // Of Rows, by row of the mini; kNoRow: not of the day.
  bool in_place = false;            // rows are rows[0], rows[0] + 1, …; of this mini alone.
};

// apart: times (ascending) of which rows are not joined.
Rows SortRows(std::vector<Mini>& minis, std::int64_t from_ms, std::int64_t to_ms,
              std::span<const std::int64_t> apart) {
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
  std::vector<bool> joined;
  for (const Row& row : all) {
    const bool equal = !rows.times.empty() && rows.times.back() == row.time_ms;
    if (equal && !std::binary_search(apart.begin(), apart.end(), row.time_ms)) {
      joined.back() = true;
      rows.orders.back() = row.order;
    } else {
      rows.equal_times |= equal;
      rows.times.push_back(row.time_ms);
      rows.orders.push_back(row.order);
      joined.push_back(false);
    }
    *row.place = static_cast<std::uint32_t>(rows.times.size() - 1);
  }
  for (Mini& mini : minis) {
    mini.in_place = true;
    for (std::size_t i = 0; i < mini.rows.size(); ++i) {
      mini.in_place &=
          mini.rows[i] != kNoRow && mini.rows[i] == mini.rows[0] + i && !joined[mini.rows[i]];
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

// Minis, and rows of one time in them, are in the order they came: of the parts of a joined
// row that have the column the last counts.
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
      out.count += out.has[row] == 0 ? 1 : 0;
      out.has[row] = 1;
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

// The rows that a target has at one time.
struct Parts {
  std::int64_t time_ms;
  std::size_t target;
  std::int64_t first;  // Their orders.
  std::int64_t last;
};

bool EarlierParts(const Parts& a, const Parts& b) {
  return a.time_ms != b.time_ms ? a.time_ms < b.time_ms : a.first < b.first;
}

void AddParts(const std::vector<std::shared_ptr<const MiniGroup>>& minis, std::size_t target,
              std::vector<Parts>& out) {
  std::vector<Parts> rows;
  GroupReader reader;
  for (const auto& mini : minis) {
    OPS_CHECK(reader.Open(mini->bytes), "metrics: head group is broken");
    for (std::size_t i = 0; i < reader.times().size(); ++i) {
      const std::int64_t order = reader.orders()[i];
      rows.push_back(
          {.time_ms = reader.times()[i], .target = target, .first = order, .last = order});
    }
  }
  std::sort(rows.begin(), rows.end(), EarlierParts);
  const std::size_t begin = out.size();
  for (const Parts& row : rows) {
    if (out.size() > begin && out.back().time_ms == row.time_ms) {
      out.back().last = row.last;
    } else {
      out.push_back(row);
    }
  }
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

std::vector<std::vector<std::int64_t>> TimesApart(std::span<const SharedMinis> targets,
                                                  std::span<const Arrival> others) {
  std::vector<Parts> all;
  for (std::size_t i = 0; i < targets.size(); ++i) AddParts(*targets[i], i, all);
  for (const Arrival& one : others) {
    all.push_back(
        {.time_ms = one.time_ms, .target = targets.size(), .first = one.order, .last = one.order});
  }
  std::sort(all.begin(), all.end(), EarlierParts);
  std::vector<std::vector<std::int64_t>> apart(targets.size());
  const auto add = [&](const Parts& parts) {
    if (parts.target == targets.size()) return;
    std::vector<std::int64_t>& times = apart[parts.target];
    if (times.empty() || times.back() != parts.time_ms) times.push_back(parts.time_ms);
  };
  std::size_t open = 0;  // Of those at one time so far, the one that ends last.
  for (std::size_t i = 1; i < all.size(); ++i) {
    const bool same_time = all[open].time_ms == all[i].time_ms;
    if (same_time && all[open].last > all[i].first) {
      add(all[open]);
      add(all[i]);
    }
    if (!same_time || all[i].last > all[open].last) open = i;
  }
  return apart;
}

void GroupsOf(const std::vector<std::shared_ptr<const MiniGroup>>& minis, std::size_t columns,
              const GroupsOptions& options, const EmitGroup& emit) {
  const std::int64_t from_ms = options.from_ms;
  const std::int64_t to_ms = options.to_ms;
  std::vector<Mini> opened;
  for (const auto& mini : minis) {
    if (mini->max_ms < from_ms || mini->min_ms >= to_ms) continue;
    OPS_CHECK(opened.emplace_back().reader.Open(mini->bytes), "metrics: head group is broken");
  }
  if (opened.empty()) return;
  const Rows rows = SortRows(opened, from_ms, to_ms, options.apart);
  if (rows.times.empty()) return;
  GroupColumn part;
  Column column{.values = std::vector<double>(rows.times.size()),
                .has = std::vector<std::uint8_t>(rows.times.size())};
  for (std::size_t first = 0; first < columns; first += kStoredColumnsMax) {
    std::vector<Piece> pieces = MakePieces(rows, options.keep_orders);
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
