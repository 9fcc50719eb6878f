// Gather puts together the answer of one Select: pieces of series from days, the
// frozen head and the head, in the order of their age. Pieces that follow each other in
// time are appended as they come; a series whose pieces overlap is sorted at the end,
// and of equal times the value written last stays.
// One thread. Series are told apart by 128 bits of their label set's content.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "aggregator/query/source.h"
#include "aggregator/store/metrics/group.h"
#include "aggregator/store/metrics/series_index.h"

namespace opssight {

class Gather {
 public:
  Gather(std::int64_t from_ms, std::int64_t to_ms, const QueryLimits& limits)
      : from_ms_(from_ms), to_ms_(to_ms), limits_(limits) {}

  // What follows is of this index's series `ids` (ascending); index lives as long.
  Status StartIndex(std::shared_ptr<const SeriesIndex> index, std::vector<SeriesId> ids);
  const std::vector<SeriesId>& ids() const { return ids_; }
  // What follows was written after all that came before.
  void StartLayer() { ++layer_; }

  // Samples of ids()[i], times ascending. orders: one for each, or none.
  Status Add(std::size_t i, std::span<const std::int64_t> times, std::span<const double> values,
             std::span<const std::int64_t> orders);
  // A column of a group.
  Status Add(std::size_t i, const GroupReader& group, const GroupColumn& column);

  Status CheckCancelled() const;
  // Series with samples, labels and all.
  std::vector<Series> Finish();

  std::int64_t from_ms() const { return from_ms_; }
  std::int64_t to_ms() const { return to_ms_; }

 private:
  static constexpr std::uint32_t kNoOrders = UINT32_MAX;
  struct Part {  // Samples from begin on.
    std::uint32_t begin;
    std::uint32_t layer;
    std::uint32_t orders;  // Where theirs begin in Slot::orders.
  };
  struct Slot {
    std::uint32_t index = 0;  // In indexes_.
    SeriesId id = 0;
    bool disordered = false;
    std::vector<Sample> samples;
    std::vector<Part> parts;
    std::vector<std::int64_t> orders;
  };
  static void Sort(Slot& slot);

  const std::int64_t from_ms_;
  const std::int64_t to_ms_;
  const QueryLimits& limits_;
  std::uint64_t samples_ = 0;
  std::uint32_t layer_ = 0;
  std::vector<std::shared_ptr<const SeriesIndex>> indexes_;
  std::vector<SeriesId> ids_;
  std::vector<std::uint32_t> slot_of_;  // By position in ids_.
  std::unordered_map<Hash128, std::uint32_t> slots_by_key_;
  std::vector<Slot> slots_;
  std::vector<std::int64_t> times_;  // Scratch of sparse columns.
  std::vector<std::int64_t> orders_;
};

}  // namespace opssight
