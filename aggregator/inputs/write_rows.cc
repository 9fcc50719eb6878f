#include "aggregator/inputs/write_rows.h"

#include <algorithm>
#include <array>
#include <utility>

namespace opssight {
namespace {

constexpr int kSingle = 2;  // The level of pieces of one series.
// A piece ends after a series whose hash has none of these bits.
constexpr std::array<std::uint64_t, 2> kEndBits = {127, 15};
constexpr std::size_t kPieceMax = 1024;
constexpr std::uint8_t kSightings = 3;

bool EndsPiece(const Hash128& key, int level) {
  return (key.high & kEndBits[static_cast<std::size_t>(level)]) == 0;
}

Hash128 HashOfKeys(std::span<const Hash128> keys) {
  return HashOf128({reinterpret_cast<const char*>(keys.data()), keys.size_bytes()});
}

Labels LabelsFrom(const std::vector<LabelView>& views) {
  std::vector<Label> labels;
  labels.reserve(views.size());
  for (const auto& [name, value] : views) {
    labels.push_back({.name = std::string(name), .value = std::string(value)});
  }
  return Labels(std::move(labels));
}

}  // namespace

void WriteRows::Judge(const WriteRequest& request, const WriteLimits& limits,
                      std::vector<LabelFault>& faults, std::vector<bool>& fresh) {
  faults.assign(request.series.size(), LabelFault::kNone);
  fresh.assign(request.series.size(), false);
  std::vector<std::uint32_t> unknown;
  {
    MutexLock lock(mutex_);
    for (std::uint32_t i = 0; i < request.series.size(); ++i) {
      if (const LabelFault* fault = series_.Find(request.series[i].key)) {
        faults[i] = *fault;
      } else {
        unknown.push_back(i);
      }
    }
  }
  if (unknown.empty()) return;
  std::vector<LabelView> labels;
  for (const std::uint32_t i : unknown) {
    faults[i] = ReadLabels(request, request.series[i], limits, labels);
    fresh[i] = true;
  }
  MutexLock lock(mutex_);
  for (const std::uint32_t i : unknown) series_.Insert(request.series[i].key, faults[i]);
}

WriteRows::Plan WriteRows::Make(const WriteRequest& request, const WriteLimits& limits,
                                std::vector<Entry>& entries, const std::vector<bool>& fresh,
                                std::uint32_t today) {
  const auto earlier = [](const Entry& a, const Entry& b) { return a.time_ms < b.time_ms; };
  if (!std::is_sorted(entries.begin(), entries.end(), earlier)) {
    std::stable_sort(entries.begin(), entries.end(), earlier);
  }
  Plan plan;
  Work work{.request = request,
            .entries = entries,
            .fresh = fresh,
            .keys = {},
            .today = today,
            .plan = plan,
            .missing = {}};
  work.keys.reserve(entries.size());
  for (const Entry& entry : entries) work.keys.push_back(request.series[entry.series].key);
  {
    MutexLock lock(mutex_);
    if (!entries.empty()) ForgetOld(entries.back().time_ms);
    for (std::size_t begin = 0; begin < entries.size();) {
      std::size_t end = begin;
      while (end < entries.size() && entries[end].time_ms == entries[begin].time_ms) ++end;
      Cut(work, begin, end, 0);
      begin = end;
    }
  }
  std::vector<LabelView> labels;
  for (const Missing& one : work.missing) {
    std::vector<LayoutSeries> series;
    series.reserve(one.end - one.begin);
    for (std::size_t i = one.begin; i < one.end; ++i) {
      const WriteSeries& from = request.series[entries[i].series];
      (void)ReadLabels(request, from, limits, labels);  // Judged well before.
      series.push_back({.labels = LabelsFrom(labels), .type = from.type});
    }
    auto frame = std::make_shared<const LayoutFrame>(FrameOf(Layout(std::move(series))));
    plan.rows[one.row].layout = frame->id;
    plan.layouts.push_back(std::move(frame));
    plan.pieces.push_back(one.key);
  }
  MutexLock lock(mutex_);
  for (std::size_t i = 0; i < plan.pieces.size(); ++i) {
    Note* note = layouts_.Find(plan.pieces[i]);
    const std::uint32_t day = note == nullptr ? 0 : note->stored_day;
    layouts_.Insert(plan.pieces[i], {.id = plan.layouts[i]->id, .stored_day = day});
  }
  return plan;
}

void WriteRows::ForgetOld(std::int64_t newest_ms) {
  if (newest_ms < turned_ms_ + forget_after_ms_) return;
  turned_ms_ = newest_ms;
  series_.Turn();
  layouts_.Turn();
  sightings_.Turn();
}

void WriteRows::Cut(Work& work, std::size_t begin, std::size_t end, int level) {
  for (std::size_t at = begin; at < end;) {
    std::size_t next = at + 1;
    if (level != kSingle) {
      while (next < end && next - at < kPieceMax && !EndsPiece(work.keys[next - 1], level)) ++next;
    }
    Place(work, at, next, level);
    at = next;
  }
}

void WriteRows::Place(Work& work, std::size_t begin, std::size_t end, int level) {
  const Hash128 key = HashOfKeys(std::span(work.keys).subspan(begin, end - begin));
  if (const Note* note = layouts_.Find(key)) {
    const std::size_t row = AddRow(work, begin, end);
    work.plan.rows[row].layout = note->id;
    if (note->stored_day == work.today) return;
    work.missing.push_back({.begin = begin, .end = end, .row = row, .key = key});
    return;
  }
  if (!Deserves(work, begin, end, key, level)) return Cut(work, begin, end, level + 1);
  const std::size_t row = AddRow(work, begin, end);
  work.missing.push_back({.begin = begin, .end = end, .row = row, .key = key});
}

// Whether a piece not known becomes a layout: one series does; so does what is new, for it
// has come in the order of its source; else what was seen before.
bool WriteRows::Deserves(const Work& work, std::size_t begin, std::size_t end, const Hash128& key,
                         int level) {
  if (level == kSingle || end - begin == 1) return true;
  std::size_t fresh = 0;
  for (std::size_t i = begin; i < end; ++i) {
    if (work.fresh[work.entries[i].series]) ++fresh;
  }
  if (2 * fresh >= end - begin) return true;
  const std::uint8_t* seen = sightings_.Find(key);
  const auto count = static_cast<std::uint8_t>(seen == nullptr ? 1 : *seen + 1);
  sightings_.Insert(key, count);
  return count >= kSightings;
}

std::size_t WriteRows::AddRow(Work& work, std::size_t begin, std::size_t end) {
  LayoutRows& row = work.plan.rows.emplace_back();
  row.times.push_back(work.entries[begin].time_ms);
  row.values.reserve(end - begin);
  for (std::size_t i = begin; i < end; ++i) row.values.push_back(work.entries[i].value);
  return work.plan.rows.size() - 1;
}

void WriteRows::Stored(const std::vector<Hash128>& pieces, std::uint32_t today) {
  MutexLock lock(mutex_);
  for (const Hash128& piece : pieces) {
    if (Note* note = layouts_.Find(piece)) note->stored_day = today;
  }
}

void WriteRows::ForgetLayouts() {
  MutexLock lock(mutex_);
  // Not the pieces: they are as good as before, and come along again.
  layouts_.Each([](Note& note) { note.stored_day = 0; });
}

std::size_t WriteRows::series() const {
  MutexLock lock(mutex_);
  return series_.size();
}

std::size_t WriteRows::layouts() const {
  MutexLock lock(mutex_);
  return layouts_.size();
}

}  // namespace opssight
