#include "aggregator/store/store.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/core.h>

#include "aggregator/store/replay.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "common/bytes/hash.h"

namespace opssight {
namespace {

Signal SignalOf(StoreSignal signal) {
  switch (signal) {
    case StoreSignal::kLogs:
      return Signal::kLogs;
    case StoreSignal::kSpans:
      return Signal::kSpans;
    case StoreSignal::kMetrics:
    case StoreSignal::kGaps:
      break;
  }
  return Signal::kMetrics;
}

}  // namespace

Store::Store(StoreOptions options)
    : options_(std::move(options)), budget_(options_.in_flight_bytes_max, stats_.in_flight_bytes) {}

Result<std::unique_ptr<Store>> Store::Open(StoreOptions options) {
  std::unique_ptr<Store> store(new Store(std::move(options)));
  OPS_RETURN_IF_ERROR(store->OpenFiles());
  return store;
}

Status Store::OpenFiles() {
  std::error_code error;
  std::filesystem::create_directories(options_.dir, error);
  if (error) return IoError("store: create " + options_.dir, error.value());
  OPS_TRY(meta_, OpenMeta(options_.dir, {.map_bytes = options_.meta_map_bytes}));
  OPS_TRY(losses_, LossNotes::Open(meta_));
  std::string set_aside;
  OPS_TRY(wal_, Wal::Open(options_.dir, options_.wal_map_bytes, options_.clock->WallMs(), stats_,
                          &set_aside));
  if (!set_aside.empty()) {
    wal_set_aside_ = true;
    Lost("wal damaged, kept as " + set_aside + ": what was not flushed is lost");
  }
  layouts_ =
      std::make_unique<Layouts>(*wal_, options_.layout_cache_bytes, options_.batch_limits, stats_);
  OPS_RETURN_IF_ERROR(layouts_->Load());
  return runs_.Load(*wal_, stats_);
}

// Up to where the days are complete. A new wal.mdb does not know; the note does, and where
// meta.mdb is new too or either is an older copy, the days themselves: a crash leaves no cut
// in them that is above all of the wal.
Result<WalPosition> Store::FlushedCut(const CutNote& note, const std::vector<SignalSlot>& signals) {
  OPS_TRY(const auto flushed, wal_->Flushed());
  OPS_TRY(const WalPosition last, wal_->LastPosition());
  WalPosition newest = 0;
  for (const SignalSlot& slot : signals) {
    const auto cut = slot.store->NewestCut();
    if (!cut && !flushed) return cut.error();  // Else the wal is believed.
    newest = std::max(newest, cut.value_or(0));
  }
  if (flushed && newest <= std::max(*flushed, last)) return *flushed;
  const WalPosition cut = std::max(newest, note.cut);
  if (cut != 0 && !wal_set_aside_) {
    const std::string what = fmt::format(
        "wal.mdb is {}, and the days hold batches up to {}: what was not flushed is lost",
        flushed ? "an older copy" : "new", cut);
    OPS_LOG(kError, "store: {}: {}; a gap record says so", options_.dir, what);
    Lost(what);
  }
  OPS_RETURN_IF_ERROR(wal_->RecordFlushed(cut));
  return cut;
}

Status Store::Start(std::vector<SignalSlot> signals) {
  OPS_CHECK(workers_ == nullptr, "store: started twice");
  OPS_TRY(MetaTable notes, OpenCutNotes(meta_));
  OPS_TRY(const CutNote note, ReadCutNote(notes));
  OPS_TRY(const WalPosition flushed, FlushedCut(note, signals));
  for (const SignalSlot& slot : signals) {
    if (Status status = slot.store->Recover(flushed); !status) {
      return std::move(status).error().At("store: recover " + std::string(ToString(slot.signal)));
    }
  }
  workers_ = std::make_unique<ApplyWorkers>(signals, flushed);
  committer_ = std::make_unique<Committer>(options_, Committer::Parts{.wal = *wal_,
                                                                      .layouts = *layouts_,
                                                                      .runs = runs_,
                                                                      .workers = *workers_,
                                                                      .budget = budget_,
                                                                      .stats = stats_});
  CollectLosses(signals);
  // Before the replay: a long one is flushed as it goes.
  flusher_ = std::make_unique<Flusher>(options_, signals,
                                       Flusher::Parts{.wal = *wal_,
                                                      .notes = std::move(notes),
                                                      .workers = *workers_,
                                                      .committer = *committer_,
                                                      .stats = stats_,
                                                      .held = held_,
                                                      .after_turn =
                                                          [this, signals] {
                                                            CollectLosses(signals);
                                                            TellLosses();
                                                          }},
                                       flushed, note.wall_ms);
  watch_ = std::make_unique<IntakeWatch>(
      options_, signals,
      IntakeWatch::Parts{
          .workers = *workers_, .flusher = *flusher_, .committer = *committer_, .stats = stats_});
  OPS_TRY(const WalPosition last, ReplayAll());
  workers_->WaitIdle();  // Who asks from here on sees all of it.
  committer_->Start(last + 1);
  taking_ = true;
  sealer_ = std::make_unique<Sealer>(options_, std::move(signals), stats_);
  TellLosses();
  return {};
}

// Pages that LMDB cannot read end the replay, not the start. The last position.
Result<WalPosition> Store::ReplayAll() {
  const Status replayed = Replay(options_, *wal_, *workers_, budget_, stats_, ReplayFor::kStart);
  if (replayed) return workers_->last();
  if (replayed.error().code != ErrorCode::kCorrupt) return replayed.error();
  ++stats_.corrupt_entries;
  const std::string loss = fmt::format("wal unreadable after entry {} ({}): batches are lost",
                                       workers_->last(), replayed.error().message);
  OPS_LOG(kError, "store: {}; starting all the same, a gap record says so", loss);
  Lost(loss);
  return wal_->LastPosition();
}

// Of all signals, at a moment that is not known.
void Store::Lost(const std::string& what) {
  const std::int64_t now_ms = options_.clock->WallMs();
  losses_->Add(EncodeLossNotice("", now_ms, now_ms, what));
}

void Store::CollectLosses(const std::vector<SignalSlot>& signals) {
  for (const SignalSlot& slot : signals) {
    for (const SignalLoss& loss : slot.store->TakeLosses()) {
      std::vector<Signal> of(kAllSignals.begin(), kAllSignals.end());
      if (slot.signal != StoreSignal::kGaps) of = {SignalOf(slot.signal)};
      losses_->Add(EncodeLossNotice("", loss.from_ms, loss.to_ms, loss.reason, of));
    }
  }
}

// Those that are refused (a full disk, a start not over yet) are tried again with the
// flusher's next turn.
void Store::TellLosses() {
  if (!taking_) return;
  losses_->CrossOff();
  for (LossNotes::Note& note : losses_->Take()) TellLoss(std::move(note));
}

void Store::TellLoss(LossNotes::Note note) {
  IncomingBatch batch;
  batch.frame = note.frame;
  batch.hash = Hash64(batch.frame);
  const auto decoded = DecodedBatch::Decode(batch.frame, {});
  if (!decoded) {
    OPS_LOG(kError, "store: a loss noted in meta.mdb is damaged: {}; left out",
            decoded.error().message);
    return losses_->Stored(note.number);
  }
  batch.decoded = *decoded;
  Submit(std::move(batch), [this, note = std::move(note)](const SubmitResult& result) {
    if (result.kind == SubmitResult::Kind::kStored) return losses_->Stored(note.number);
    losses_->Back(note);
  });
}

void Store::Submit(IncomingBatch batch, Done done) {
  if (taking_) return committer_->Submit(std::move(batch), std::move(done));
  ++stats_.rejected_stopping;
  done({.kind = SubmitResult::Kind::kError, .error = Unavailable("store: not taking batches")});
}

Result<AgentProgress> Store::Progress(const std::string& agent_id, std::uint64_t epoch) {
  return AgentProgress{.runs = runs_.Find(AgentKey(agent_id, epoch)).runs()};
}

Result<std::vector<Wal::RawEntry>> Store::ReadWal(WalPosition position, std::size_t bytes_max) {
  return wal_->ReadAfter(position, bytes_max);
}

WalPosition Store::LastPosition() {
  return workers_->last();
}

// Where the wal cannot be read, nothing of it is given up either.
WalPosition Store::OldestWithin(std::uint64_t bytes_max) {
  return wal_->OldestWithin(bytes_max).value_or(0);
}

void Store::HoldWal(const std::string& who, WalPosition position) {
  MutexLock lock(holds_mutex_);
  holds_[who] = position;
  WalPosition held = UINT64_MAX;
  for (const auto& hold : holds_) held = std::min(held, hold.second);
  held_ = held;
}

Status Store::FlushNow() {
  if (flusher_ == nullptr) return Unavailable("store: not started");
  return flusher_->FlushNow();
}

void Store::WaitApplied() {
  if (taking_) workers_->WaitIdle();
}

void Store::Stop() {
  taking_ = false;
  if (sealer_ != nullptr) sealer_->Stop();
  if (watch_ != nullptr) watch_->Stop();
  if (committer_ != nullptr) committer_->Stop();
  if (flusher_ != nullptr) flusher_->Stop();
  if (workers_ != nullptr) workers_->Stop();
  if (losses_ == nullptr) return;
  losses_->CrossOff();
  if (losses_->waiting() == 0) return;
  OPS_LOG(kWarn,
          "store: {} gap records of what the store lost are not stored yet; noted for the "
          "next start",
          losses_->waiting());
}

}  // namespace opssight
