#include "aggregator/store/metrics/merged_groups.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "aggregator/store/metrics/group.h"

namespace opssight {
namespace {

static_assert(kMergedRowsMax <= kGroupRowsMax);

using Times = std::vector<std::int64_t>;

// Series that share rows.
struct Family {
  std::vector<const DaySeries*> series;
  Times times;  // Of all of them.
};

bool SameTimes(const std::vector<Sample>& samples, const Times& times) {
  return samples.size() == times.size() &&
         std::equal(samples.begin(), samples.end(), times.begin(),
                    [](const Sample& sample, std::int64_t time) { return sample.time_ms == time; });
}

std::size_t CommonTimes(const std::vector<Sample>& samples, const Times& times) {
  std::size_t count = 0;
  std::size_t at = 0;
  for (const Sample& sample : samples) {
    while (at < times.size() && times[at] < sample.time_ms) ++at;
    if (at < times.size() && times[at] == sample.time_ms) ++count;
  }
  return count;
}

void AddTimes(const std::vector<Sample>& samples, Times& times) {
  Times out;
  out.reserve(std::max(samples.size(), times.size()));
  std::size_t at = 0;
  for (const Sample& sample : samples) {
    while (at < times.size() && times[at] < sample.time_ms) out.push_back(times[at++]);
    if (at < times.size() && times[at] == sample.time_ms) ++at;
    out.push_back(sample.time_ms);
  }
  out.insert(out.end(), times.begin() + static_cast<std::ptrdiff_t>(at), times.end());
  times = std::move(out);
}

// The family whose rows the series has, mostly; the newest first, since neighbours are alike.
Family* FamilyOf(const DaySeries& series, std::vector<Family>& families) {
  constexpr std::size_t kLookAt = 8;
  const std::size_t from = families.size() - std::min(families.size(), kLookAt);
  for (std::size_t i = families.size(); i-- > from;) {
    if (SameTimes(series.samples, families[i].times)) return &families[i];
  }
  for (std::size_t i = families.size(); i-- > from;) {
    const std::size_t less = std::min(series.samples.size(), families[i].times.size());
    const std::size_t common = CommonTimes(series.samples, families[i].times);
    if (common * 2 < less) continue;
    if (common < series.samples.size()) AddTimes(series.samples, families[i].times);
    return &families[i];
  }
  return nullptr;
}

std::vector<Family> FamiliesOf(std::span<const DaySeries> series) {
  std::vector<Family> families;
  for (const DaySeries& one : series) {
    if (one.samples.empty()) continue;
    Family* family = FamilyOf(one, families);
    if (family == nullptr) {
      family = &families.emplace_back();
      AddTimes(one.samples, family->times);
    }
    family->series.push_back(&one);
  }
  return families;
}

// Where a series' samples go on, and what its encoder has learned.
struct Place {
  std::size_t next = 0;
  ChunkHint hint = 0;
};

class FamilyWriter {
 public:
  FamilyWriter(const Family& family, const EmitMerged& emit)
      : family_(family), emit_(emit), places_(family.series.size()) {}

  Status Write() {
    const std::size_t rows = family_.times.size();
    const std::size_t groups = (rows + kMergedRowsMax - 1) / kMergedRowsMax;
    for (std::size_t i = 0; i < groups; ++i) {
      const std::size_t from = rows * i / groups;
      OPS_RETURN_IF_ERROR(
          WriteRows(std::span(family_.times).subspan(from, rows * (i + 1) / groups - from)));
    }
    return {};
  }

 private:
  Status WriteRows(std::span<const std::int64_t> times) {
    GroupWriter writer(times, {});
    ids_.clear();
    for (std::size_t i = 0; i < places_.size(); ++i) {
      if (AddColumn(*family_.series[i], times, places_[i], writer)) {
        ids_.push_back(family_.series[i]->id);
      }
    }
    return emit_(ids_, writer.Finish(), times.front(), times.back());
  }

  bool AddColumn(const DaySeries& series, std::span<const std::int64_t> times, Place& place,
                 GroupWriter& writer) {
    values_.clear();
    positions_.clear();
    std::size_t row = 0;
    for (; place.next < series.samples.size(); ++place.next) {
      const Sample& sample = series.samples[place.next];
      if (sample.time_ms > times.back()) break;
      while (times[row] < sample.time_ms) ++row;
      positions_.push_back(static_cast<std::int64_t>(row));
      values_.push_back(sample.value);
    }
    if (values_.empty()) return false;
    if (values_.size() == times.size()) {
      writer.AddDense(values_, place.hint);
    } else {
      writer.AddSparse(positions_, values_, place.hint);
    }
    return true;
  }

  const Family& family_;
  const EmitMerged& emit_;
  std::vector<Place> places_;
  std::vector<SeriesId> ids_;
  std::vector<double> values_;
  std::vector<std::int64_t> positions_;
};

}  // namespace

Status MergedGroupsOf(std::span<const DaySeries> series, const EmitMerged& emit) {
  for (const Family& family : FamiliesOf(series)) {
    OPS_RETURN_IF_ERROR(FamilyWriter(family, emit).Write());
  }
  return {};
}

}  // namespace opssight
