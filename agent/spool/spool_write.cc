// Opening, and the packer's side of Spool: one transaction after the other, and
// what is done where one fails.
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "agent/spool/spool.h"
#include "agent/spool/txn.h"
#include "common/base/log.h"
#include "common/lmdb/env_file.h"

namespace opssight {
namespace {

namespace fs = std::filesystem;

constexpr const char* kReserve = ".reserve";
constexpr unsigned kCorruptMax = 3;          // Transactions in a row, then the file is given up.
constexpr std::uint64_t kRecordBytes = 512;  // A batch's share beside its frame, roughly.
constexpr std::size_t kResidentBytes = 512UL << 10;

Result<std::uint64_t> InodeOf(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return IoError("stat " + path, errno);
  return static_cast<std::uint64_t>(info.st_ino);
}

std::size_t MapBytes(const SpoolOptions& options) {
  std::uint64_t bytes = options.bytes_max + options.map_slack_bytes;
  if (options.map_slack_divisor != 0) bytes += options.bytes_max / options.map_slack_divisor;
  return bytes;
}

// Of files moved aside, one is kept: each may be as large as the spool.
void RemoveOldBad(const std::string& path) {
  std::error_code ignored;
  const std::string prefix = fs::path(path).filename().string() + ".bad-";
  fs::path folder = fs::path(path).parent_path();
  if (folder.empty()) folder = ".";
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (!entry.path().filename().string().starts_with(prefix)) continue;
    fs::remove(entry.path(), ignored);
  }
}

}  // namespace

// What one transaction is about to do, until its end is known.
struct Spool::Attempt {
  SpoolQueue queue;
  std::map<std::uint64_t, std::uint64_t> keys;  // Id of a write to its key.
  std::uint64_t next_key = 0;                   // 0: it never came to the commit.
  bool touch = false;
};

Result<std::unique_ptr<Spool>> Spool::Open(const SpoolOptions& options, const Clock& clock) {
  if (options.bytes_max == 0) return Invalid("spool: bytes_max must be above 0");
  std::unique_ptr<Spool> spool(new Spool(options, clock));
  spool->cap_bytes_ = options.bytes_max;
  OPS_RETURN_IF_ERROR(spool->OpenOrReplace());
  // An unreadable one is said at once; a disk that is full says it with the first batch.
  if (spool->HasQueued()) (void)spool->Write({});
  spool->MakeReserve();
  return spool;
}

void Spool::MakeReserve() const {
  if (options_.reserve_bytes == 0) return;
  const std::string path = options_.path + kReserve;
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const int error =
      fd < 0 ? errno : posix_fallocate(fd, 0, static_cast<off_t>(options_.reserve_bytes));
  if (fd >= 0) close(fd);
  if (error == 0) return;
  unlink(path.c_str());
  OPS_LOG(kWarn,
          "spool: {}; without it, what is in memory when the agent ends on a full disk is "
          "lost; tried again at the next start",
          IoError("reserve " + path, error).message);
}

bool Spool::FreeReserve() {
  return options_.reserve_bytes != 0 && unlink((options_.path + kReserve).c_str()) == 0;
}

Status Spool::OpenFile() {
  {
    MutexLock lock(mutex_);
    env_.reset();
  }
  OPS_TRY(std::unique_ptr<Env> env, Env::Open(options_.path, {.map_bytes = MapBytes(options_),
                                                              .tables_max = 8,
                                                              .readers_max = 16,
                                                              .resident_bytes = kResidentBytes}));
  OPS_TRY(const std::uint64_t inode, InodeOf(options_.path));
  OPS_TRY(LoadedSpool loaded, LoadSpool(*env, inode));
  if (loaded.copied) {
    OPS_LOG(kWarn, "spool: {}: is a copy of another file; a new epoch will be asked for",
            options_.path);
  }
  if (unsure_next_key_ == loaded.state.numbering.next_key()) landed_.merge(unsure_);
  unsure_next_key_ = 0;
  unsure_.clear();
  MutexLock lock(mutex_);
  env_ = std::move(env);
  tables_ = loaded.tables;
  state_ = std::move(loaded.state);
  for (const SeqRange& range : state_.live.ranges()) handed_.Add(range);
  frozen_.Clear();
  carry_key_ = 0;
  nearly_full_ = state_.bytes() >= cap_bytes_ / 100 * options_.congested_percent;
  return {};
}

Status Spool::OpenOrReplace() {
  const Status opened = OpenFile();
  if (opened || opened.error().code != ErrorCode::kCorrupt) return opened;
  OPS_RETURN_IF_ERROR(MoveAside(opened.error()));
  return OpenFile();
}

Status Spool::MoveAside(const Error& why) {
  const std::string bad = fmt::format("{}.bad-{}", options_.path, clock_.WallMs() / kMsPerSecond);
  OPS_LOG(kError, "spool: {}: {}; moved to {}, a new one is made", options_.path, why.message, bad);
  GiveUpQueued();
  unsure_next_key_ = 0;
  landed_.clear();
  RemoveOldBad(options_.path);
  MutexLock lock(mutex_);
  env_.reset();
  OPS_RETURN_IF_ERROR(RenameEnvFile(options_.path, bad));
  ++counters_.unreadable;
  for (const Signal signal : {Signal::kMetrics, Signal::kLogs, Signal::kSpans}) {
    queued_.gaps.push_back({.signal = signal,
                            .stream = "",
                            .from_ns = clock_.WallNs(),
                            .to_ns = clock_.WallNs(),
                            .count = 0,
                            .reason = "spool was unreadable: " + why.message});
  }
  state_ = {};
  handed_.Clear();
  return {};
}

// What was queued meant the batches of a file that is gone.
void Spool::GiveUpQueued() {
  SpoolQueue queue;
  {
    MutexLock lock(mutex_);
    queue = std::exchange(queued_, {});
    queued_.gaps = std::move(queue.gaps);
  }
  const Error gone = Corrupt(options_.path + ": the batches are gone with the unreadable file");
  for (SpoolQueue::Replacing& one : queue.replaced) Tell(std::move(one.done), gone);
  for (SpoolQueue::Rebasing& one : queue.rebases) Tell(std::move(one.done), gone);
}

bool Spool::Freeze(std::uint64_t key) {
  MutexLock lock(mutex_);
  if (handed_.Contains(key)) return false;
  frozen_.Add(key);
  return true;
}

Status Spool::Fill(SpoolTxn& txn, Attempt& attempt, std::span<const SpoolWrite> writes) {
  OPS_RETURN_IF_ERROR(txn.Remove(attempt.queue.removed));
  for (const SpoolQueue::Replacing& one : attempt.queue.replaced) {
    OPS_RETURN_IF_ERROR(txn.Replace(one));
  }
  for (const SpoolQueue::Rebasing& one : attempt.queue.rebases) {
    OPS_RETURN_IF_ERROR(txn.Rebase(one.order));
  }
  std::uint64_t bytes = 0;
  for (const SpoolWrite& write : writes) bytes += write.frame.size() + kRecordBytes;
  OPS_RETURN_IF_ERROR(txn.MakeRoom(bytes, cap_bytes_));
  if (!attempt.queue.gaps.empty()) OPS_RETURN_IF_ERROR(txn.AppendGaps(attempt.queue.gaps));
  for (const SpoolWrite& write : writes) {
    OPS_TRY(attempt.keys[write.id], txn.Append(write));
  }
  return {};
}

Status Spool::Transact(Attempt& attempt, std::span<const SpoolWrite> writes) {
  Env* env = nullptr;
  SpoolState state;
  SpoolTables tables;
  {
    MutexLock lock(mutex_);
    env = env_.get();
    state = state_;
    tables = tables_;
    attempt.queue = std::exchange(queued_, {});
  }
  const std::uint64_t next_key_before = state.numbering.next_key();
  OPS_TRY(WriteTxn begun, env->BeginWrite());
  SpoolTxn txn(std::move(begun), tables, options_, std::move(state), clock_.WallMs(),
               [this](std::uint64_t key) { return Freeze(key); });
  txn.set_carry_key(carry_key_);
  OPS_RETURN_IF_ERROR(Fill(txn, attempt, writes));
  // Without a new number, doing it again does no harm, and nothing could tell.
  const std::uint64_t next_key = txn.state().numbering.next_key();
  if (next_key != next_key_before) attempt.next_key = next_key;
  OPS_RETURN_IF_ERROR(txn.Commit(attempt.touch));
  Succeeded(txn, attempt);
  return {};
}

void Spool::Tell(Done done, Status status) {
  if (!done) return;
  if (!post_) {
    done(std::move(status));
    return;
  }
  post_([done = std::move(done), status = std::move(status)] { done(status); });
}

void Spool::Succeeded(const SpoolTxn& txn, Attempt& attempt) {
  failed_ = false;
  corrupt_in_a_row_ = 0;
  carry_key_ = txn.carry_key();
  const SpoolState& state = txn.state();
  if (state.bytes() < cap_bytes_ / 2) cap_bytes_ = options_.bytes_max;
  {
    MutexLock lock(mutex_);
    state_ = state;
    counters_.Add(txn.counters());
    ++counters_.commits;
    frozen_.Clear();
    for (const SeqRange& range : attempt.queue.removed.ranges()) handed_.Remove(range);
    if (!attempt.queue.rebases.empty()) handed_.Clear();  // Nothing was sent under the new epoch.
    nearly_full_ = state_.bytes() >= cap_bytes_ / 100 * options_.congested_percent;
  }
  for (SpoolQueue::Replacing& one : attempt.queue.replaced) Tell(std::move(one.done), {});
  for (SpoolQueue::Rebasing& one : attempt.queue.rebases) Tell(std::move(one.done), {});
}

// Closes the file: LMDB's state after a failed commit is not to be trusted, and
// what the disk holds is to be read again.
void Spool::Failed(const Error& why, Attempt& attempt) {
  failed_ = true;
  corrupt_in_a_row_ = why.code == ErrorCode::kCorrupt ? corrupt_in_a_row_ + 1 : 0;
  unsure_next_key_ = attempt.next_key;
  unsure_ = std::move(attempt.keys);
  OPS_LOG_EVERY(30, kError, "spool: {}; kept in memory, next try in a second", why.message);
  MutexLock lock(mutex_);
  if (why.code == ErrorCode::kExhausted) {  // The map is full before the cap: free pages in pieces.
    const std::uint64_t used = std::min(cap_bytes_, state_.bytes());
    cap_bytes_ = std::max(used - used / 20, options_.bytes_max / 4);
  }
  ++counters_.commit_failures;
  queued_.PutBack(std::exchange(attempt.queue, {}));
  frozen_.Clear();
  ++counters_.reopens;
  env_.reset();
}

Result<std::vector<std::uint64_t>> Spool::Write(std::span<const SpoolWrite> writes) {
  bool is_open = false;
  {
    MutexLock lock(mutex_);
    is_open = env_ != nullptr;
  }
  if (!is_open) {
    if (corrupt_in_a_row_ >= kCorruptMax) {
      corrupt_in_a_row_ = 0;
      OPS_RETURN_IF_ERROR(MoveAside(Corrupt("found damaged again and again")));
    }
    OPS_RETURN_IF_ERROR(OpenOrReplace());
  }
  // After a failure first without the writes: what it frees, or what was freed by the
  // last one that succeeded, may be what they need.
  const bool two_steps = std::exchange(failed_, false) && !writes.empty();
  std::vector<SpoolWrite> rest;
  if (!landed_.empty()) {
    for (const SpoolWrite& write : writes) {
      if (!landed_.contains(write.id)) rest.push_back(write);
    }
  }
  const std::span<const SpoolWrite> todo =
      landed_.empty() ? writes : std::span<const SpoolWrite>(rest);
  Attempt attempt;
  for (const bool with_writes : {false, true}) {
    if (!with_writes && !two_steps) continue;
    attempt = {};
    attempt.touch = !with_writes;
    const Status status = Transact(attempt, with_writes ? todo : std::span<const SpoolWrite>());
    if (status) continue;
    Failed(status.error(), attempt);
    // At once, so that what is there can be read and sent meanwhile.
    if (corrupt_in_a_row_ < kCorruptMax) (void)OpenOrReplace();
    return status.error();
  }
  attempt.keys.merge(landed_);
  landed_.clear();
  std::vector<std::uint64_t> seqs;
  MutexLock lock(mutex_);
  for (const SpoolWrite& write : writes) {
    const std::uint64_t key = attempt.keys[write.id];
    seqs.push_back(key == 0 ? 0 : state_.numbering.SeqOf(key));
  }
  return seqs;
}

}  // namespace opssight
