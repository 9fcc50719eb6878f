// Gather puts together the answer of one Select, or of a portion of its series: pieces of
// series from days, the frozen head and the head, in the order of their age. Pieces that follow
// each other in time are appended as they come; a series whose pieces overlap is sorted at the end,
// and of equal times the value written last stays. Which was last within one layer is
// the order of arrival of rows; it is seldom needed and costs 8 B a sample, so the first
// try goes without, and needs_orders() says whether it must be made again with.
// One thread; a limit of samples may be shared by several. Which series of several indexes are
// one is said by slots (series_slots.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "aggregator/query/source.h"
#include "aggregator/store/metrics/day_series.h"
#include "aggregator/store/metrics/group.h"
#include "aggregator/store/metrics/histogram_chunk.h"
#include "aggregator/store/metrics/series_index.h"
#include "aggregator/store/signal_store.h"

namespace opssight {

// Series of an index, and what they are called: by another index, where that is smaller.
struct SelectedSeries {
  std::vector<SeriesId> ids;  // In blocks and targets; ascending.
  std::shared_ptr<const SeriesIndex> names;
  std::vector<SeriesId> name_ids;  // In names, of each; empty: as ids.

  const std::vector<SeriesId>& NameIds() const { return name_ids.empty() ? ids : name_ids; }
};

// What the Gathers of one query have read, by any of its threads.
class SampleCount {
 public:
  explicit SampleCount(std::uint64_t max) : max_(max) {}
  Status Add(std::uint64_t samples);
  void TakeBack(std::uint64_t samples) { count_.fetch_sub(samples, std::memory_order_relaxed); }

 private:
  const std::uint64_t max_;
  std::atomic<std::uint64_t> count_{0};
};

class Gather {
 public:
  enum class Orders : std::uint8_t { kLeaveOut, kKeep };
  struct Limits {
    const std::function<bool()>& cancelled;  // May be empty.
    SampleCount& samples;
  };
  Gather(std::int64_t from_ms, std::int64_t to_ms, Limits limits, Orders orders)
      : from_ms_(from_ms), to_ms_(to_ms), limits_(limits), keep_orders_(orders == Orders::kKeep) {}

  // What follows is of these series. slots: where each of them stands in the answer; from 0 on,
  // without holes once all indexes are known.
  Status StartIndex(SelectedSeries series, std::vector<std::uint32_t> slots);
  const std::vector<SeriesId>& ids() const { return ids_; }
  // What follows was written after all that came before, in a flush at cut.
  void StartLayer(WalPosition cut = 0) {
    ++layer_;
    cut_ = cut;
  }
  // Of ids()[i], what cuts up to range.cut have in [from_ms, to_ms] is deleted. Until the
  // next StartIndex.
  struct Hidden {
    WalPosition cut = 0;
    std::int64_t from_ms = 0;
    std::int64_t to_ms = 0;
  };
  void Hide(std::size_t i, const Hidden& range) { hidden_[i].push_back(range); }

  // Samples of ids()[i], times ascending; strict: none twice. orders: one for each, or none.
  Status Add(std::size_t i, std::span<const std::int64_t> times, std::span<const double> values,
             std::span<const std::int64_t> orders, bool strict);
  // A column of a group.
  Status Add(std::size_t i, const GroupReader& group, const GroupColumn& column);

  // Histograms of ids()[i], times ascending, all in [from_ms(), to_ms()].
  Status Add(std::size_t i, std::vector<HistogramPoint> points);

  Status CheckCancelled() const;
  std::uint64_t samples() const { return samples_; }  // That were added.
  // Once all is added.
  bool NeedsOrders();
  // Series with samples, by slot.
  std::vector<Series> Finish(SeriesLabels labels = SeriesLabels::kWanted);
  // The same by number, where all is of one index: the numbers ascend.
  std::vector<DaySeries> FinishByIds();

  std::int64_t from_ms() const { return from_ms_; }
  std::int64_t to_ms() const { return to_ms_; }

 private:
  static constexpr std::size_t kNoOrders = SIZE_MAX;
  struct Part {
    std::uint32_t slot;
    std::uint32_t begin;  // Its first sample in the slot.
    std::uint32_t layer;
    std::size_t orders;  // Where those of its samples begin in orders_.
  };
  static constexpr std::uint32_t kNoIndex = UINT32_MAX;
  struct Slot {
    std::uint32_t index = kNoIndex;  // In indexes_; the first that has the series, and as what.
    SeriesId id = 0;
    bool disordered = false;
    std::vector<Sample> samples;
  };
  // Of one slot. The series has floats as well where its slot has.
  struct Histograms {
    struct Entry {
      std::uint32_t layer;
      HistogramPoint point;
    };
    std::vector<Entry> entries;            // As they came.
    std::vector<HistogramSample> settled;  // By Finish.
  };
  void MarkDisordered(Slot& slot) { slot.disordered = disordered_ = true; }
  Status Count(std::uint64_t samples);
  bool IsHidden(const std::vector<Hidden>& ranges, std::int64_t time_ms) const;
  std::size_t RoomFor(const std::vector<Sample>& samples, std::int64_t first_ms,
                      std::int64_t last_ms, std::size_t count) const;
  Status AddShown(std::size_t i, std::span<const std::int64_t> times,
                  std::span<const double> values, std::span<const std::int64_t> orders,
                  bool strict);
  void MarkMixed();
  void SortDisordered();
  void Sort(Slot& slot, std::span<const Part> parts, Histograms* histograms) const;

  const std::int64_t from_ms_;
  const std::int64_t to_ms_;
  const Limits limits_;
  const bool keep_orders_;
  bool left_out_orders_ = false;
  bool disordered_ = false;
  std::uint64_t samples_ = 0;
  std::uint32_t layer_ = 0;
  WalPosition cut_ = 0;
  std::unordered_map<std::size_t, std::vector<Hidden>> hidden_;  // By position in ids_.
  std::vector<std::shared_ptr<const SeriesIndex>> indexes_;
  std::vector<SeriesId> ids_;
  std::vector<std::uint32_t> slot_of_;  // By position in ids_.
  std::vector<Slot> slots_;
  std::vector<Part> parts_;  // As they came.
  std::vector<std::int64_t> orders_;
  std::map<std::uint32_t, Histograms> histograms_;  // By slot.
  std::vector<std::int64_t> sparse_times_;          // Scratch.
  std::vector<std::int64_t> sparse_orders_;
};

}  // namespace opssight
