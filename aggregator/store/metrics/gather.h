// Gather puts together the answer of one Select: pieces of series from days, the
// frozen head and the head, in the order of their age. Pieces that follow each other in
// time are appended as they come; a series whose pieces overlap is sorted at the end,
// and of equal times the value written last stays. Which was last within one layer is
// the order of arrival of rows; it is seldom needed and costs 8 B a sample, so the first
// try goes without, and needs_orders() says whether it must be made again with.
// One thread. Series are told apart by 128 bits of their label set's content.
#pragma once

#include <cstdint>
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

class Gather {
 public:
  enum class Orders : std::uint8_t { kLeaveOut, kKeep };
  Gather(std::int64_t from_ms, std::int64_t to_ms, const QueryLimits& limits, Orders orders)
      : from_ms_(from_ms), to_ms_(to_ms), limits_(limits), keep_orders_(orders == Orders::kKeep) {}

  // What follows is of this index's series `ids` (ascending); index lives as long.
  Status StartIndex(std::shared_ptr<const SeriesIndex> index, std::vector<SeriesId> ids);
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
  // Once all is added.
  bool NeedsOrders();
  // Series with samples, labels and all, or without labels.
  enum class With : std::uint8_t { kLabels, kNoLabels };
  std::vector<Series> Finish(With with = With::kLabels);
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
  struct Slot {
    std::uint32_t index = 0;  // In indexes_.
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
  void KeepKeys();
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
  const QueryLimits& limits_;
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
  std::unordered_map<Hash128, std::uint32_t> slots_by_key_;
  std::vector<Slot> slots_;
  std::vector<Part> parts_;  // As they came.
  std::vector<std::int64_t> orders_;
  std::map<std::uint32_t, Histograms> histograms_;  // By slot.
  std::vector<std::int64_t> sparse_times_;          // Scratch.
  std::vector<std::int64_t> sparse_orders_;
};

}  // namespace opssight
