// Sealing of MetricDays: the blocks of all cuts of a day that is over become merged ones,
// in a new file that takes the place of the old; then the day's jobs are done. Steps, and
// what a crash after each leaves:
//
//   the new file is written beside the old    the old; Recover removes the new
//   it is renamed over the old                the new, whole: it was synced before
//   each job, then its entry in the record    the job is done again, or is known as done
//
// What is flushed to the day meanwhile has a later cut: it is copied before the rename,
// under write_mutex_, and makes the day due again.
#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/core.h>

#include "aggregator/store/metrics/histogram_head.h"
#include "aggregator/store/metrics/merged_groups.h"
#include "aggregator/store/metrics/metric_days.h"
#include "aggregator/store/metrics/metric_keys.h"
#include "aggregator/store/metrics/stored_day.h"
#include "aggregator/store/seal_policy.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bytes/endian.h"

namespace opssight {
namespace {

bool IsBlockOrList(std::uint32_t number) {
  return number >= kBlockNumber || number == kSummaryNumber || number == kHistogramSummaryNumber;
}

// Copies entries with cuts in (after, up_to], byte for byte; blocks: whether those and
// their lists too. Transactions of about transaction_bytes.
class EntryCopier {
 public:
  EntryCopier(Env& from, Env& to, std::size_t transaction_bytes)
      : from_(from), to_(to), transaction_bytes_(transaction_bytes) {}

  Status Copy(WalPosition after, WalPosition up_to, bool blocks) {
    std::string next = DayFiles::Key(after + 1, 0);
    if (after == 0) next.clear();  // Cut 0 too.
    while (true) {
      OPS_TRY(const bool more, CopySome(next, up_to, blocks));
      if (!more) return {};
    }
  }

 private:
  // From key next on; false: that was all.
  Result<bool> CopySome(std::string& next, WalPosition up_to, bool blocks) {
    OPS_TRY(ReadTxn read, from_.BeginRead());
    OPS_TRY(const Table source, read.OpenTable(DayFiles::kTable));
    OPS_TRY(Cursor cursor, read.OpenCursor(source));
    OPS_TRY(WriteTxn write, to_.BeginWrite());
    OPS_TRY(const Table table, write.OpenTable(DayFiles::kTable));
    std::size_t bytes = 0;
    OPS_TRY(auto at, cursor.Seek(next));
    while (at && DayFiles::CutOf(at->first) <= up_to && bytes < transaction_bytes_) {
      std::string_view key = at->first;
      const WalPosition cut = GetBe<WalPosition>(key).value_or(0);
      const auto number = GetBe<std::uint32_t>(key);
      if (number && !blocks && *number >= kBlockNumber) {
        OPS_TRY(at, cursor.Seek(DayFiles::Key(cut + 1, 0)));
        continue;
      }
      const bool seal = number == kSealNumber && cut == 0;
      if (number && !seal && (blocks || !IsBlockOrList(*number))) {
        OPS_RETURN_IF_ERROR(write.Put(table, at->first, at->second));
        bytes += at->second.size();
      }
      OPS_TRY(at, cursor.Next());
    }
    const bool more = at && DayFiles::CutOf(at->first) <= up_to;
    if (more) next = at->first;
    OPS_RETURN_IF_ERROR(write.Commit());
    return more;
  }

  Env& from_;
  Env& to_;
  const std::size_t transaction_bytes_;
};

Status AddHistograms(const DaySeries& series, BlockQueue& queue) {
  if (series.histograms.empty()) return {};
  std::vector<HistogramPoint> points;
  points.reserve(series.histograms.size());
  for (const HistogramSample& one : series.histograms) {
    points.push_back({.time_ms = one.time_ms, .histogram = one.histogram});
  }
  Status status;
  HistogramChunksOf(std::move(points), false,
                    [&](std::string_view chunk, std::int64_t min_ms, std::int64_t max_ms) {
                      if (status) status = queue.Add({&series.id, 1}, chunk, min_ms, max_ms);
                    });
  return status;
}

void AppendBlocks(WalPosition cut, StoredMetricBlock::Kind kind,
                  const std::vector<BlockSummary>& summaries, MetricDay::Blocks& out) {
  for (const BlockSummary& summary : summaries) {
    out.push_back(std::make_shared<StoredMetricBlock>(cut, kind, summary));
  }
}

}  // namespace

void MetricDays::NoteWritten(DayNumber day, WalPosition cut) {
  MutexLock lock(mutex_);
  DayState& state = states_[day];
  if (state.first == 0) state.first = cut;
  state.written = std::max(state.written, cut);
}

Status MetricDays::Recover(WalPosition flushed) {
  std::map<DayNumber, DayState> states;
  OPS_RETURN_IF_ERROR(files_.Recover(flushed, [&](DayNumber day, Env& env) -> Status {
    DayState& state = states[day];
    OPS_TRY(ReadTxn txn, env.BeginRead());
    const auto table = txn.OpenTable(DayFiles::kTable);
    if (!table) return table.error().code == ErrorCode::kNotFound ? Status() : table.error();
    OPS_TRY(Cursor cursor, txn.OpenCursor(*table));
    OPS_TRY(const auto last, cursor.Last());
    if (last) state.written = std::min(DayFiles::CutOf(last->first), flushed);
    OPS_TRY(const auto first, cursor.Seek(DayFiles::Key(1, 0)));  // Cut 0 is no flush's.
    if (first) state.first = std::min(DayFiles::CutOf(first->first), flushed);
    OPS_TRY(const auto bytes, txn.Get(*table, DayFiles::Key(0, kSealNumber)));
    if (!bytes) return {};
    auto record = DecodeSealRecord(*bytes);
    if (record) {
      state.seal = *std::move(record);
    } else {
      LeaveOut(env.path(), record.error());  // It is merged again, at worst.
    }
    return {};
  }));
  MutexLock lock(mutex_);
  states_ = std::move(states);
  return {};
}

std::vector<MetricDayInfo> MetricDays::Infos() const {
  const std::map<DayNumber, std::uint64_t> bytes = files_.BytesOfDays();
  std::vector<MetricDayInfo> out;
  MutexLock lock(mutex_);
  for (const auto& [day, size] : bytes) {
    const auto state = states_.find(day);
    out.push_back({.day = day, .bytes = size});
    if (state == states_.end()) continue;
    out.back().written = state->second.written;
    out.back().seal = state->second.seal;
  }
  return out;
}

std::map<DayNumber, DayCuts> MetricDays::Written(std::int64_t from_ms, std::int64_t to_ms) const {
  std::map<DayNumber, DayCuts> out;
  MutexLock lock(mutex_);
  const auto end = states_.upper_bound(DayOfMs(to_ms));
  for (auto it = states_.lower_bound(DayOfMs(from_ms)); it != end; ++it) {
    out[it->first] = {.first = it->second.first, .newest = it->second.written};
  }
  return out;
}

std::vector<SealState> MetricDays::SealStates(const SealWork& work) const {
  std::vector<SealState> out;
  MutexLock lock(mutex_);
  for (const auto& [day, state] : states_) {
    out.push_back({.day = day,
                   .written = std::min(state.written, work.published),
                   .done = state.seal.done,
                   .done_ms = state.seal.done_ms,
                   .asked = HasNewRule(day, state, work.turn.now_ms),
                   .failed_ms = state.failed_ms});
  }
  return out;
}

Result<bool> MetricDays::SealDue(const SealWork& work) {
  const auto due = NextToSeal(work.turn.options, SealStates(work), work.turn.now_ms);
  if (!due) return false;
  const Status sealed = SealDay(*due, work);
  if (sealed) return true;
  MutexLock lock(mutex_);
  if (const auto it = states_.find(*due); it != states_.end()) {
    it->second.failed_ms = work.turn.now_ms;
  }
  return Error(sealed.error()).At("metrics: " + files_.Path(*due));
}

Status MetricDays::SealDay(DayNumber number, const SealWork& work) {
  DayState state;
  {
    MutexLock lock(mutex_);
    const auto it = states_.find(number);
    if (it == states_.end()) return {};  // Dropped meanwhile.
    state = it->second;
  }
  const WalPosition cut = std::min(state.written, work.published);
  OPS_TRY(const bool merge, NeedsMerge(number, state, cut, work.turn.now_ms));
  if (merge) OPS_RETURN_IF_ERROR(Merge(number, cut, work));
  for (DayJob* job : work.jobs) {
    const auto done = state.seal.jobs.find(job->name());
    if (done != state.seal.jobs.end() && done->second >= cut) continue;
    OPS_RETURN_IF_ERROR(DoJob(number, cut, *job, work));
  }
  bool merged = false;
  {
    MutexLock lock(mutex_);
    const auto it = states_.find(number);
    merged = it != states_.end() && it->second.unmergeable < cut;
  }
  return NoteSeal(number, [&](SealRecord& record) {
    record.done = cut;
    record.done_ms = work.turn.now_ms;
    if (merged) NoteRules(number, work.turn.now_ms, record);
  });
}

// A day while its blocks are merged.
struct MetricDays::Merging {
  DayNumber number = 0;
  WalPosition cut = 0;
  std::uint64_t moved = 0;   // Files moved aside, when it began.
  std::uint64_t cleans = 0;  // Of the day, when it began.
  Taken from;
  std::unique_ptr<Env> to;
  SealRecord record;
  std::vector<SeriesId> without;  // Series that go by a rule.
  MetricDay::Blocks blocks;
  bool cleaned = false;  // Some series of the index have nothing now.
  bool damaged = false;
};

Status MetricDays::WriteMerged(Merging& merging, const SealWork& work) {
  OPS_RETURN_IF_ERROR(
      EntryCopier(*merging.from.env, *merging.to, options_.files.transaction_bytes_max)
          .Copy(0, merging.cut, false));
  const auto write = [&](const std::vector<DayFiles::Numbered>& values) {
    return files_.WriteInto(*merging.to, merging.cut, values);
  };
  const BlockQueue::Sizes sizes{.block_bytes = options_.block_bytes,
                                .queued_bytes = options_.files.transaction_bytes_max};
  BlockQueue floats(kBlockNumber, sizes, write);
  BlockQueue histograms(kHistogramBlockNumber, sizes, write);
  SealRecord& record = merging.record;
  StoredDay day({.number = merging.number,
                 .day = merging.from.day,
                 .env = merging.from.env,
                 .cut = merging.cut},
                work.tombstones, merging.without);
  const auto add = [&](std::span<const DaySeries> series) -> Status {
    OPS_RETURN_IF_ERROR(MergedGroupsOf(
        series, [&](std::span<const SeriesId> ids, std::string_view group, std::int64_t min_ms,
                    std::int64_t max_ms) { return floats.Add(ids, group, min_ms, max_ms); }));
    for (const DaySeries& one : series) {
      record.samples += one.samples.size();
      record.histograms += one.histograms.size();
      OPS_RETURN_IF_ERROR(AddHistograms(one, histograms));
    }
    return floats.MayClose();
  };
  OPS_RETURN_IF_ERROR(day.ForEach(add, work.turn.cancelled));
  OPS_RETURN_IF_ERROR(floats.Finish());
  OPS_RETURN_IF_ERROR(histograms.Finish());
  merging.damaged = day.damaged() != 0;
  record.series = day.given_series();
  merging.cleaned = merging.from.day->cleaned() || day.given_series() < day.named_series();
  AppendBlocks(merging.cut, StoredMetricBlock::Kind::kFloats, floats.summaries(), merging.blocks);
  AppendBlocks(merging.cut, StoredMetricBlock::Kind::kHistograms, histograms.summaries(),
               merging.blocks);
  return WriteEnd(merging, floats.summaries(), histograms.summaries());
}

// The lists, and what the day says of itself.
Status MetricDays::WriteEnd(Merging& merging, const std::vector<BlockSummary>& floats,
                            const std::vector<BlockSummary>& histograms) {
  SealRecord& record = merging.record;
  record.merged = merging.cut;
  ++record.generation;
  const std::string seal = EncodeSealRecord(record);
  const std::string list = WriteSummaries(floats);
  const std::string histogram_list = WriteSummaries(histograms);
  std::vector<DayFiles::Numbered> values;
  values.push_back({.number = kSummaryNumber, .value = list});
  values.push_back({.number = kHistogramSummaryNumber, .value = histogram_list});
  if (merging.cleaned) values.push_back({.number = kCleanedNumber, .value = "cleaned"});
  OPS_RETURN_IF_ERROR(files_.WriteInto(*merging.to, merging.cut, values));
  return files_.WriteInto(*merging.to, 0, {{.number = kSealNumber, .value = seal}});
}

// With what was flushed to the day since it began.
Status MetricDays::PutInPlace(Merging& merging) {
  const DayNumber number = merging.number;
  MutexLock write_lock(write_mutex_);
  if (cleans_[number] != merging.cleans) return Unavailable("something was deleted from it");
  // The series of another file in its place have ids of their own.
  if (files_.bad_days() != merging.moved) return Unavailable("a damaged file was moved aside");
  OPS_TRY(const std::shared_ptr<Env> now, files_.Open(number));
  if (now == nullptr) return {};  // Dropped.
  OPS_RETURN_IF_ERROR(EntryCopier(*now, *merging.to, options_.files.transaction_bytes_max)
                          .Copy(merging.cut, std::numeric_limits<WalPosition>::max(), true));
  At(SealPoint::kMerged);
  {
    MutexLock lock(mutex_);
    OPS_TRY(const bool there, files_.Replace(number, std::move(merging.to)));
    if (!there) return {};
    states_[number].seal = merging.record;
    if (const auto it = loaded_.find(number); it != loaded_.end()) {
      it->second.day = Merged(*it->second.day, merging);
    }
  }
  At(SealPoint::kInPlace);
  return files_.SyncNames();
}

std::shared_ptr<MetricDay> MetricDays::Merged(const MetricDay& old, const Merging& merging) {
  auto day = std::make_shared<MetricDay>(old.index_);
  MetricDay::Blocks blocks = merging.blocks;
  const std::shared_ptr<const MetricDay::Blocks> held = old.blocks();
  for (const auto& block : *held) {
    if (block->cut > merging.cut) blocks.push_back(block);
  }
  day->ReplaceBlocks(std::move(blocks));
  for (const StoredExemplarPiece& piece : old.exemplars()) day->AddExemplars(piece);
  if (merging.cleaned) day->MarkCleaned();
  day->merged_ = merging.cut;
  day->logged_ = old.logged_;
  return day;
}

Status MetricDays::Merge(DayNumber number, WalPosition cut, const SealWork& work) {
  Merging merging{.number = number, .cut = cut, .moved = files_.bad_days()};
  {
    MutexLock lock(write_mutex_);
    merging.cleans = cleans_[number];
  }
  OPS_TRY(merging.from, Take(number));
  if (merging.from.day == nullptr) return {};
  if (merging.from.day->left_out_) return LeaveUnmerged(number, cut);
  OPS_RETURN_IF_ERROR(CheckRoom(number, work.turn.spare_bytes));
  {
    MutexLock lock(mutex_);
    const SealRecord& before = states_[number].seal;
    merging.record = {.done = before.done,
                      .done_ms = before.done_ms,
                      .generation = before.generation,
                      .rules = before.rules,
                      .jobs = before.jobs};
  }
  merging.without = ExpiredIn(*merging.from.day, number, work.turn.now_ms);
  NoteRules(number, work.turn.now_ms, merging.record);
  OPS_TRY(merging.to, files_.MakeReplacement(number));
  Status written = WriteMerged(merging, work);
  if (written && !merging.damaged) written = PutInPlace(merging);
  if (merging.to != nullptr) DayFiles::DropReplacement(std::move(merging.to));
  const bool corrupt = !written && written.error().code == ErrorCode::kCorrupt;
  if (corrupt || (written && merging.damaged)) return LeaveUnmerged(number, cut);
  if (!written) return written;
  merged_days_.fetch_add(1, std::memory_order_relaxed);
  expired_.fetch_add(merging.without.size(), std::memory_order_relaxed);
  return {};
}

// What cannot be read today may be read another day, or by a tool: it is not thrown away.
Status MetricDays::LeaveUnmerged(DayNumber number, WalPosition cut) {
  unmerged_days_.fetch_add(1, std::memory_order_relaxed);
  OPS_LOG(kError, "metrics: {}: parts of it are damaged; its blocks are not merged",
          files_.Path(number));
  MutexLock lock(mutex_);
  states_[number].unmergeable = cut;
  return {};
}

// The file may stand there twice for some time.
Status MetricDays::CheckRoom(DayNumber number, std::uint64_t spare_bytes) const {
  const std::map<DayNumber, std::uint64_t> bytes = files_.BytesOfDays();
  const auto it = bytes.find(number);
  if (it == bytes.end() || it->second <= spare_bytes) return {};
  return Exhausted(fmt::format("no room on the disk to write its {} bytes again", it->second));
}

Status MetricDays::DoJob(DayNumber number, WalPosition cut, DayJob& job, const SealWork& work) {
  OPS_TRY(Taken taken, Take(number));
  if (taken.day == nullptr) return {};
  const std::map<DayNumber, DayCuts> cuts = Written(number * kMsPerDay, number * kMsPerDay);
  const auto of = cuts.find(number);
  if (of == cuts.end()) return {};  // Dropped meanwhile.
  StoredDay day({.number = number,
                 .day = std::move(taken.day),
                 .env = std::move(taken.env),
                 .cut = cut,
                 .first_cut = of->second.first},
                work.tombstones, {});
  if (Status done = job.Run(day, work.turn.cancelled); !done) {
    return std::move(done).error().At(std::string(job.name()));
  }
  At(SealPoint::kJobRun);
  return NoteSeal(number, [&](SealRecord& record) { record.jobs[std::string(job.name())] = cut; });
}

Status MetricDays::NoteSeal(DayNumber number, const std::function<void(SealRecord&)>& change) {
  MutexLock write_lock(write_mutex_);
  OPS_TRY(const std::shared_ptr<Env> there, files_.Open(number));
  if (there == nullptr) {  // Dropped, or moved aside.
    MutexLock lock(mutex_);
    states_.erase(number);
    return {};
  }
  SealRecord record;
  {
    MutexLock lock(mutex_);
    record = states_[number].seal;
  }
  change(record);
  const std::string bytes = EncodeSealRecord(record);
  Status written = files_.IsLinked(number) ? files_.Rewrite(number) : Status();
  if (written) {
    written = files_.WriteNumbered(number, 0, {{.number = kSealNumber, .value = bytes}});
  }
  // A damaged file that cannot be copied: known until the process ends, then looked at again.
  if (!written && written.error().code != ErrorCode::kCorrupt) return written;
  if (!written) LeaveOut(files_.Path(number), written.error());
  MutexLock lock(mutex_);
  states_[number].seal = std::move(record);
  return {};
}

}  // namespace opssight
