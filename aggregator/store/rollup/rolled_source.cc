#include "aggregator/store/rollup/rolled_source.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <set>
#include <unordered_map>
#include <utility>

#include "aggregator/store/rollup/rollup_reader.h"
#include "aggregator/store/rollup/slot_gather.h"
#include "common/base/clock.h"
#include "common/model/record.h"

namespace opssight {

using Days = std::set<DayNumber>;

// By resolution, the finer first: a day stands in one of them.
struct RolledSource::Gone {
  std::map<std::int64_t, Days> days;
};

namespace {

using Slots = std::optional<std::vector<RolledSeries>>;

// Times of samples are not before 1970, and so are days.
DayNumber FirstDay(std::int64_t from_ms) {
  return DayOfMs(std::max<std::int64_t>(from_ms, 0));
}

// The days whose samples are gone. What came late to one does not bring them back.
Days WithoutSamples(const RollupDays& rolled, const SamplePlaces& places) {
  Days out;
  for (const auto& [day, record] : rolled) {
    const auto written = places.written.find(day);
    const WalPosition first = written == places.written.end() ? 0 : written->second.first;
    if (IsWithoutSamples(record, first)) out.insert(day);
  }
  return out;
}

// The days whose buckets say what samples say: made of all of them. gone is usable as it is.
Days Usable(const RollupDays& rolled, const SamplePlaces& places, const RollupStore& rollups,
            const Days& gone) {
  Days out = gone;
  for (const auto& [day, record] : rolled) {
    if (record.edited || places.IsUnflushed(day) || rollups.IsDamaged(day)) continue;
    const auto written = places.written.find(day);
    if (written != places.written.end() && written->second.newest > record.cut) continue;
    out.insert(day);
  }
  return out;
}

// The next piece of [from_ms, to_ms] to be read, from from_ms on: some rolled days, or a
// stretch of time that only samples have, of one day with a file at most.
struct Piece {
  Days rolled;  // Empty: samples.
  std::int64_t to_ms = 0;
};
Piece NextPiece(const Days& rolled, const SamplePlaces& places, std::int64_t from_ms,
                std::int64_t to_ms) {
  const DayNumber day = DayOfMs(from_ms);
  Piece piece;
  auto it = rolled.lower_bound(day);
  if (it != rolled.end() && *it == day) {
    DayNumber last = day;
    for (; it != rolled.end() && *it <= last + 1; ++it) {
      piece.rolled.insert(*it);
      last = *it;
    }
    piece.to_ms = std::min(to_ms, (last + 1) * kMsPerDay - 1);
    return piece;
  }
  piece.to_ms = to_ms;
  if (it != rolled.end()) piece.to_ms = std::min(piece.to_ms, *it * kMsPerDay - 1);
  if (places.written.contains(day)) {
    piece.to_ms = std::min(piece.to_ms, (day + 1) * kMsPerDay - 1);
  } else if (const auto next = places.written.upper_bound(day); next != places.written.end()) {
    piece.to_ms = std::min(piece.to_ms, next->first * kMsPerDay - 1);
  }
  return piece;
}

}  // namespace

std::vector<std::int64_t> RolledSource::Resolutions() const {
  return {kCoarseMs, kFineMs};
}

Result<Slots> RolledSource::SelectSlots(const std::vector<Matcher>& matchers,
                                        const SlotQuery& query, const QueryLimits& limits) const {
  const std::int64_t to_ms = query.last_end_ms();
  const std::int64_t from_ms = std::max<std::int64_t>(query.first_end_ms - query.width_ms + 1, 0);
  if (from_ms > to_ms) return Slots();
  const SamplePlaces places = samples_.PlacesOf(from_ms, to_ms);
  OPS_TRY(const RollupDays all,
          ReadRollupDays(rollups_.files(), query.resolution_ms, DayOfMs(from_ms), DayOfMs(to_ms)));
  const Days gone = WithoutSamples(all, places);
  const Days rolled = Usable(all, places, rollups_, gone);
  if (rolled.empty()) {
    unrolled_.fetch_add(1, std::memory_order_relaxed);
    return Slots();
  }
  RollupReader reader(rollups_.files(), matchers, limits);
  SlotGather gather(query, limits, reader.index());
  const auto add = [&](SeriesId series, DayNumber day, const DayBuckets& buckets) {
    return gather.Add(series, day, buckets);
  };
  bool refused = false;
  for (std::int64_t at_ms = from_ms; at_ms <= to_ms && !refused;) {
    const Piece piece = NextPiece(rolled, places, at_ms, to_ms);
    if (!piece.rolled.empty()) {
      OPS_RETURN_IF_ERROR(reader.Read(query.resolution_ms, piece.rolled, query.parts, add));
      refused = reader.needs_samples();
    } else {
      OPS_TRY(const std::vector<Series> series,
              samples_.Select(matchers, at_ms, piece.to_ms, limits));
      for (const Series& one : series) {
        refused = refused || !one.histograms.empty();
        OPS_RETURN_IF_ERROR(gather.Add(reader.index().Intern(one.labels), one.samples));
      }
    }
    at_ms = piece.to_ms + 1;
  }
  if (!reader.damaged().empty()) rollups_.MarkDamaged(reader.damaged());
  const bool better = std::any_of(reader.damaged().begin(), reader.damaged().end(),
                                  [&](DayNumber day) { return !gone.contains(day); });
  if (refused || better) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return Slots();
  }
  rolled_.fetch_add(1, std::memory_order_relaxed);
  return Slots(gather.Finish());
}

Result<RolledSource::Gone> RolledSource::FindGone(std::int64_t from_ms, std::int64_t to_ms) const {
  Gone gone;
  if (to_ms < 0 || from_ms > to_ms) return gone;
  const SamplePlaces places = samples_.PlacesOf(from_ms, to_ms);
  Days seen;
  for (const std::int64_t resolution_ms : {kFineMs, kCoarseMs}) {
    OPS_TRY(const RollupDays rolled,
            ReadRollupDays(rollups_.files(), resolution_ms, FirstDay(from_ms), DayOfMs(to_ms)));
    for (const DayNumber day : WithoutSamples(rolled, places)) {
      if (seen.insert(day).second) gone.days[resolution_ms].insert(day);
    }
  }
  return gone;
}

namespace {

constexpr DayNumber kNoDay = -1;

// The samples that buckets name, in [from_ms, to_ms]. True: there were others, or a stale
// marker stands later than it came.
bool AddNamed(DayNumber day, std::int64_t resolution_ms, const DayBuckets& buckets,
              std::int64_t from_ms, std::int64_t to_ms, std::vector<Sample>& out) {
  const auto add = [&](std::int64_t time_ms, double value) {
    if (time_ms >= from_ms && time_ms <= to_ms) out.push_back({.time_ms = time_ms, .value = value});
  };
  // Whether [from_ms, to_ms] has anything of the time between both.
  const auto concerns = [&](std::int64_t after_ms, std::int64_t before_ms) {
    return after_ms < to_ms && before_ms > from_ms;
  };
  const std::int64_t day_end_ms = (day + 1) * kMsPerDay - 1;
  bool lacks = false;
  for (const DayBucket& one : buckets) {
    const TimeBucket& bucket = one.bucket;
    const std::int64_t end_ms = std::min(EndOfBucket(day, resolution_ms, one.number), day_end_ms);
    if (bucket.count > 1) add(bucket.first_ms, bucket.first);
    if (bucket.count != 0) add(bucket.last_ms, bucket.last);
    lacks = lacks || (bucket.count > 2 && concerns(bucket.first_ms, bucket.last_ms));
    if (bucket.stale && (bucket.count == 0 || bucket.last_ms < end_ms)) {
      add(end_ms, std::bit_cast<double>(kStaleNanBits));
      lacks =
          lacks || concerns(bucket.count == 0 ? end_ms - resolution_ms : bucket.last_ms, end_ms);
    }
  }
  return lacks;
}

// Both ascending; of equal times that of `better` stays.
std::vector<Sample> Merged(const std::vector<Sample>& samples, const std::vector<Sample>& better) {
  if (samples.empty()) return better;
  if (better.empty()) return samples;
  std::vector<Sample> out;
  out.reserve(samples.size() + better.size());
  // set_union takes from the first range what is in both.
  std::set_union(better.begin(), better.end(), samples.begin(), samples.end(),
                 std::back_inserter(out),
                 [](const Sample& a, const Sample& b) { return a.time_ms < b.time_ms; });
  return out;
}

}  // namespace

Result<std::vector<Series>> RolledSource::Thinned(const std::vector<Matcher>& matchers,
                                                  std::int64_t from_ms, std::int64_t to_ms,
                                                  const Gone& gone,
                                                  const QueryLimits& limits) const {
  RollupReader reader(rollups_.files(), matchers, limits);
  std::vector<std::vector<Sample>> samples;
  std::uint64_t count = 0;
  for (const auto& [resolution_ms, days] : gone.days) {
    DayNumber lacking = kNoDay;  // The last day that something is missing of.
    // A day of hours may lie before, between or behind days of five minutes.
    const auto add = [&, resolution_ms = resolution_ms](SeriesId series, DayNumber day,
                                                        const DayBuckets& buckets) -> Status {
      if (series >= samples.size()) samples.resize(series + 1);
      std::vector<Sample>& of = samples[series];
      const std::size_t before = of.size();
      if (AddNamed(day, resolution_ms, buckets, from_ms, to_ms, of)) {
        lacking = std::max(lacking, day);
      }
      count += of.size() - before;
      if (count <= limits.samples_max) return {};
      return Exhausted("query reads too many samples of rollups; narrow its time or its series");
    };
    OPS_RETURN_IF_ERROR(reader.Read(resolution_ms, days, {.first = true, .last = true}, add));
    // Which day's histograms are missing is not known.
    if (reader.needs_samples()) lacking = *days.rbegin();
    if (lacking == kNoDay || !limits.thinned) continue;
    limits.thinned({.before_ms = (lacking + 1) * kMsPerDay, .resolution_ms = resolution_ms});
  }
  if (!reader.damaged().empty()) rollups_.MarkDamaged(reader.damaged());
  std::vector<Series> out;
  std::vector<SeriesId> numbers;
  for (SeriesId number = 0; number < samples.size(); ++number) {
    std::vector<Sample>& of = samples[number];
    if (of.empty()) continue;
    std::sort(of.begin(), of.end(),
              [](const Sample& a, const Sample& b) { return a.time_ms < b.time_ms; });
    numbers.push_back(number);
    out.push_back({.labels = {}, .samples = std::move(of)});
  }
  std::vector<Labels> labels;
  reader.index().AppendLabels(numbers, labels);
  for (std::size_t i = 0; i < out.size(); ++i) out[i].labels = std::move(labels[i]);
  return out;
}

Result<std::vector<Series>> RolledSource::Select(const std::vector<Matcher>& matchers,
                                                 std::int64_t from_ms, std::int64_t to_ms,
                                                 const QueryLimits& limits) const {
  // Before samples are read: what retention takes meanwhile is then in neither for a moment,
  // and not in both.
  OPS_TRY(const Gone gone, FindGone(from_ms, to_ms));
  OPS_TRY(std::vector<Series> series, samples_.Select(matchers, from_ms, to_ms, limits));
  if (gone.days.empty()) return series;
  OPS_TRY(std::vector<Series> thinned, Thinned(matchers, from_ms, to_ms, gone, limits));
  if (thinned.empty()) return series;
  thinned_.fetch_add(1, std::memory_order_relaxed);
  SeriesIndex index;
  std::vector<std::size_t> places;  // By number in index.
  for (std::size_t i = 0; i < series.size(); ++i) {
    index.Intern(series[i].labels);
    places.push_back(i);
  }
  for (Series& one : thinned) {
    const SeriesId number = index.Intern(one.labels);
    if (number < places.size()) {
      Series& other = series[places[number]];
      other.samples = Merged(one.samples, other.samples);
      continue;
    }
    places.push_back(series.size());
    series.push_back(std::move(one));
  }
  return series;
}

Result<std::unique_ptr<SeriesPortions>> RolledSource::SelectPortions(
    const std::vector<Matcher>& matchers, std::int64_t from_ms, std::int64_t to_ms,
    const QueryLimits& limits, SeriesLabels labels) const {
  OPS_TRY(const Gone gone, FindGone(from_ms, to_ms));
  if (!gone.days.empty()) {
    return SeriesSource::SelectPortions(matchers, from_ms, to_ms, limits, labels);
  }
  return samples_.SelectPortions(matchers, from_ms, to_ms, limits, labels);
}

Result<std::set<std::string>> RolledSource::SelectStrings(std::string_view name,
                                                          const std::vector<Matcher>& matchers,
                                                          std::int64_t from_ms, std::int64_t to_ms,
                                                          const QueryLimits& limits) const {
  OPS_TRY(const Gone gone, FindGone(from_ms, to_ms));
  if (!gone.days.empty()) {
    return SeriesSource::SelectStrings(name, matchers, from_ms, to_ms, limits);
  }
  return samples_.SelectStrings(name, matchers, from_ms, to_ms, limits);
}

Result<std::vector<Labels>> RolledSource::SelectLabels(const std::vector<Matcher>& matchers,
                                                       std::int64_t from_ms, std::int64_t to_ms,
                                                       const QueryLimits& limits) const {
  OPS_TRY(const Gone gone, FindGone(from_ms, to_ms));
  OPS_TRY(std::vector<Labels> labels, samples_.SelectLabels(matchers, from_ms, to_ms, limits));
  if (gone.days.empty()) return labels;
  SeriesIndex index;
  for (const Labels& one : labels) index.Intern(one);
  RollupReader reader(rollups_.files(), matchers, limits);
  for (const auto& [resolution_ms, days] : gone.days) {
    OPS_TRY(std::vector<Labels> more, reader.ReadLabels(resolution_ms, days));
    for (Labels& one : more) {
      const std::size_t known = index.size();
      if (index.Intern(one) == known) labels.push_back(std::move(one));
    }
  }
  return labels;
}

}  // namespace opssight
