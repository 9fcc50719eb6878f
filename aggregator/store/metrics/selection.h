// A selection on its way: first what may have samples of it, in days and heads, as they were
// when it began; then its series in portions, each read by itself. A portion is of series that
// stand together in an index, so that most blocks are opened for one portion only.
//
// Making it is for one thread; Read is for any, several at once. Memory: some 8 B a series, and
// what the portions hold that are being read.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "aggregator/query/source.h"
#include "aggregator/store/metrics/gather.h"
#include "aggregator/store/metrics/metric_block.h"

namespace opssight {

// What one index's owner, a day or a head, has for a selection. Does not change.
class SelectedPart {
 public:
  explicit SelectedPart(SelectedSeries series) : series_(std::move(series)) {}
  SelectedPart(const SelectedPart&) = delete;
  SelectedPart& operator=(const SelectedPart&) = delete;
  virtual ~SelectedPart() = default;

  const SelectedSeries& series() const { return series_; }  // That match.

  // Its pieces (blocks, targets) that may have samples of the selection, in the order in which
  // they are to be read, and of which series they are.
  virtual std::size_t pieces() const = 0;
  virtual const IdRuns& RunsOf(std::size_t piece) const = 0;
  // Adds what the pieces (ascending) have of out.ids(), which are some of the series'.
  virtual Status Read(std::span<const std::uint32_t> pieces, Gather& out) const = 0;

 private:
  const SelectedSeries series_;
};
using SelectedParts = std::vector<std::unique_ptr<SelectedPart>>;

struct SelectionRange {
  std::int64_t from_ms = 0;
  std::int64_t to_ms = 0;
  SeriesLabels labels = SeriesLabels::kWanted;
  std::size_t portion_series = SIZE_MAX;  // Of one portion, at most; more than 0.
};

class Selection final : public SeriesPortions {
 public:
  // parts: in the order of their age. kExhausted: more series than limits.series_max.
  static Result<std::unique_ptr<Selection>> Make(SelectedParts parts, const SelectionRange& range,
                                                 const QueryLimits& limits);

  std::size_t count() const override { return portions_; }
  Result<std::vector<Series>> Read(std::size_t portion) override;

 private:
  // Of one part: which of its series and pieces are of which portion.
  struct Split {
    std::vector<std::uint32_t> slots;                // Of each of the part's ids.
    std::vector<std::uint32_t> positions;            // Of ids; by portion, ascending within.
    std::vector<std::size_t> begins;                 // Of portions in positions, and the end.
    std::vector<std::vector<std::uint32_t>> pieces;  // Of each portion.
  };

  Selection(SelectedParts parts, const SelectionRange& range, const QueryLimits& limits)
      : parts_(std::move(parts)),
        range_(range),
        cancelled_(limits.cancelled),
        samples_(limits.samples_max) {}
  Split SplitOf(const SelectedPart& part, std::vector<std::uint32_t> slots) const;
  Status Fill(std::size_t portion, Gather& out) const;

  const SelectedParts parts_;
  const SelectionRange range_;
  const std::function<bool()> cancelled_;
  SampleCount samples_;
  std::size_t portions_ = 0;
  std::vector<Split> splits_;  // Of each part.
};

}  // namespace opssight
