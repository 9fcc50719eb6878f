// HeadTarget holds the newest rows of one target: the series of one scrape or
// export, and of the layouts that have most of their series in common with it. Rows
// stand as they came (a time and doubles) until there are 30, then they are coded as a
// group (a "mini"). Both can be read at once.
//
// One thread writes; any thread takes a View, which is of that moment and does not
// change: the lock is held to copy some pointers, never while coding.
// Memory: 8 B a value for up to 30 rows, then about 1 B, and 10 B a series.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "aggregator/store/metrics/chunk.h"
#include "aggregator/store/metrics/metric_block.h"
#include "common/base/mutex.h"

namespace opssight {

inline constexpr std::size_t kOpenRowsMax = 30;

// The columns of a layout's values; kNoColumn: not kept (the series comes again later
// in the same row).
using LayoutColumns = std::vector<std::uint32_t>;
inline constexpr std::uint32_t kNoColumn = UINT32_MAX;

struct OpenRow {
  std::int64_t time_ms = 0;
  std::int64_t order = 0;  // Rows of the head in the order they came.
  const double* values = nullptr;
  const LayoutColumns* columns = nullptr;  // Of the values.
};

// Rows are only added; those below a count once seen never change. Their values stand in
// pieces of a few rows that come as they are needed: targets are half full on average.
struct OpenRows {
  static constexpr std::size_t kPieceRows = 5;
  // Room for a row's values; null: there is none. width: of the longest row to come.
  double* Take(std::size_t count, std::size_t width);
  std::size_t bytes() const { return sizeof *this + capacity * sizeof(double); }

  std::array<OpenRow, kOpenRowsMax> rows;
  // The rest is the writer's.
  std::array<std::unique_ptr<double[]>, kOpenRowsMax / kPieceRows> pieces;
  std::size_t piece_count = 0;
  double* next = nullptr;    // In the last piece.
  std::size_t left = 0;      // There.
  std::size_t capacity = 0;  // Of all pieces.
};

struct MiniGroup {
  std::string bytes;  // group.h; column i is column i of the target.
  std::int64_t min_ms = 0;
  std::int64_t max_ms = 0;
};

class HeadTarget {
 public:
  struct View {
    std::shared_ptr<const std::vector<SeriesId>> series;        // Of the columns.
    std::shared_ptr<const IdRuns> runs;                         // The same, by id.
    std::vector<std::shared_ptr<const LayoutColumns>> layouts;  // Keeps them alive.
    std::vector<std::shared_ptr<const MiniGroup>> minis;
    std::shared_ptr<const OpenRows> open;  // Null: none.
    std::size_t open_rows = 0;
    std::int64_t min_ms = INT64_MAX;
    std::int64_t max_ms = INT64_MIN;
    bool shared = false;  // Some series are in other targets as well.
  };

  // first_rows: after how many rows the first group is closed, from 1 to kOpenRowsMax.
  explicit HeadTarget(std::size_t first_rows = kOpenRowsMax) : rows_max_(first_rows) {}

  // Writer only.
  std::uint32_t AddLayout(LayoutColumns columns, const std::vector<SeriesId>& new_series);
  // values: as many as the layout has columns. Returns bytes of memory gained or lost.
  std::ptrdiff_t Append(std::uint32_t layout, std::int64_t time_ms, std::int64_t order,
                        std::span<const double> values);
  void MarkShared();
  std::size_t columns() const { return width_; }

  View Take() const;
  // Whether Take would have rows in [from, to]; cheaper.
  bool Overlaps(std::int64_t from_ms, std::int64_t to_ms) const;
  // The first and the last of its rows; the wrong way round where there are none.
  std::pair<std::int64_t, std::int64_t> times() const;

 private:
  std::ptrdiff_t Close();

  std::size_t width_ = 0;         // Writer only.
  std::size_t rows_max_;          // Writer only. Of the open rows.
  std::vector<ChunkHint> hints_;  // Writer only; by column.
  mutable Mutex mutex_;
  View view_ OPS_GUARDED_BY(mutex_);
  std::shared_ptr<OpenRows> open_ OPS_GUARDED_BY(mutex_);
};

// The rows as a group, in the order of their times, over `columns` columns.
MiniGroup EncodeRows(std::span<const OpenRow> rows, std::size_t columns,
                     std::vector<ChunkHint>& hints);

}  // namespace opssight
