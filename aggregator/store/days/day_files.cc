#include "aggregator/store/days/day_files.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include <fmt/core.h>

#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/log.h"
#include "common/bytes/endian.h"
#include "common/lmdb/env_file.h"

namespace opssight {
namespace {

constexpr std::string_view kReplacement = ".seal";
constexpr std::string_view kCopy = ".new";

// What a crash may leave beside a day's file.
bool IsHalfMade(std::string_view name, char prefix) {
  for (const std::string_view suffix : {kReplacement, kCopy}) {
    if (name.ends_with("-lock")) name.remove_suffix(5);
    if (name.ends_with(suffix) &&
        ParseDayFileName(prefix, name.substr(0, name.size() - suffix.size()))) {
      return true;
    }
  }
  return false;
}

std::uint64_t FreeBytesOf(const std::string& dir) {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(dir, error);
  return error ? UINT64_MAX : space.available;  // The write says so where it is full.
}

Result<WalPosition> NewestCutOf(Env& env) {
  OPS_TRY(ReadTxn txn, env.BeginRead());
  OPS_TRY(const Table table, txn.OpenTable(DayFiles::kTable));
  OPS_TRY(Cursor cursor, txn.OpenCursor(table));
  OPS_TRY(const auto last, cursor.Last());
  // A key of another width is nobody's, and its cut would be the largest there is.
  if (!last || last->first.size() != DayFiles::Key(0, 0).size()) return WalPosition{0};
  return DayFiles::CutOf(last->first);
}

}  // namespace

std::string DayFiles::Key(WalPosition cut, std::size_t number) {
  std::string key;
  PutBe(key, cut);
  PutBe(key, static_cast<std::uint32_t>(number));
  return key;
}

WalPosition DayFiles::CutOf(std::string_view key) {
  return GetBe<WalPosition>(key).value_or(std::numeric_limits<WalPosition>::max());
}

std::string DayFiles::Path(DayNumber day) const {
  return fmt::format("{}/{}", options_.dir, DayFileName(options_.prefix, day));
}

Result<std::vector<DayNumber>> DayFiles::ListDays() const {
  std::vector<DayNumber> found;
  std::error_code error;
  if (!std::filesystem::exists(options_.dir, error)) return found;
  for (std::filesystem::directory_iterator it(options_.dir, error), end; it != end && !error;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    const auto day = ParseDayFileName(options_.prefix, name);
    if (day) found.push_back(*day);
    std::error_code ignored;
    if (IsHalfMade(name, options_.prefix)) std::filesystem::remove(it->path(), ignored);
  }
  if (error) return IoError("store: list " + options_.dir, error.value());
  return found;
}

Result<WalPosition> DayFiles::NewestCut() const {
  WalPosition newest = 0;
  OPS_TRY(const std::vector<DayNumber> days, ListDays());
  for (const DayNumber day : days) {
    const auto env = Env::Open(Path(day), {.map_bytes = options_.map_bytes, .tables_max = 4});
    const auto cut = env ? NewestCutOf(**env) : Result<WalPosition>(env.error());
    if (cut) newest = std::max(newest, *cut);
    const bool skip = cut || cut.error().code == ErrorCode::kCorrupt ||  // Recover says so.
                      cut.error().code == ErrorCode::kNotFound;          // Nothing was written.
    if (!skip) return cut.error();
  }
  return newest;
}

Status DayFiles::Recover(WalPosition flushed, const See& see) {
  std::error_code error;
  std::filesystem::create_directories(options_.dir, error);
  if (error) return IoError("store: create " + options_.dir, error.value());
  OPS_TRY(const std::vector<DayNumber> found, ListDays());
  for (const DayNumber day : found) {
    // Not kept open: of many days most are not asked for.
    const auto env = Env::Open(Path(day), {.map_bytes = options_.map_bytes, .tables_max = 4});
    Status status = env ? DropAbove(**env, flushed) : Status(env.error());
    if (status && see) status = see(day, **env);
    if (!status && status.error().code == ErrorCode::kCorrupt) {
      OPS_RETURN_IF_ERROR(MoveAside(day, status.error()));
      continue;
    }
    const bool full =
        env && !status &&
        (status.error().code == ErrorCode::kIo || status.error().code == ErrorCode::kExhausted);
    if (!full) OPS_RETURN_IF_ERROR(status);
    MutexLock lock(mutex_);
    days_[day] = {};
    if (!full) continue;
    leftovers_[day] = flushed;
    OPS_LOG(kError,
            "store: {}: half a flush cannot be deleted: {}; left out, tried again before "
            "the next flush",
            Path(day), status.error().message);
  }
  return {};
}

Status DayFiles::MoveAside(DayNumber day, const Error& why) {
  MutexLock lock(mutex_);
  return MoveAsideLocked(day, why);
}

// A reader that has the environment reads on in the file under its new name.
Status DayFiles::MoveAsideLocked(DayNumber day, const Error& why) {
  OPS_TRY(const std::string aside, MoveEnvFileAside(Path(day)));
  if (const auto it = days_.find(day); it != days_.end()) {
    if (it->second.env != nullptr) --open_;
    days_.erase(it);
  }
  leftovers_.erase(day);
  losses_.push_back(
      {.from_ms = day * kMsPerDay,
       .to_ms = (day + 1) * kMsPerDay - 1,
       .reason = fmt::format("{}; kept as {}: what was in it is missing", why.message, aside)});
  moved_.push_back(day);
  ++bad_days_;
  OPS_LOG(kError, "store: {}: {}; moved to {}, its records are missing from answers", Path(day),
          why.message, aside);
  return {};
}

std::vector<SignalLoss> DayFiles::TakeLosses() {
  MutexLock lock(mutex_);
  return std::exchange(losses_, {});
}

std::vector<DayNumber> DayFiles::TakeMoved() {
  MutexLock lock(mutex_);
  return std::exchange(moved_, {});
}

Status DayFiles::DropLeftovers() {
  std::map<DayNumber, WalPosition> leftovers;
  {
    MutexLock lock(mutex_);
    leftovers = leftovers_;
  }
  for (const auto& [day, flushed] : leftovers) {
    OPS_TRY(const std::shared_ptr<Env> env, Open(day));
    if (env != nullptr) {
      if (const Status dropped = DropAbove(*env, flushed); !dropped) {
        return Failed(day, dropped.error());
      }
    }
    MutexLock lock(mutex_);
    leftovers_.erase(day);
  }
  return {};
}

WalPosition DayFiles::ValidUpTo(DayNumber day) const {
  MutexLock lock(mutex_);
  const auto it = leftovers_.find(day);
  return it == leftovers_.end() ? std::numeric_limits<WalPosition>::max() : it->second;
}

Status DayFiles::DropAbove(Env& env, WalPosition flushed) const {
  {
    OPS_TRY(ReadTxn txn, env.BeginRead());
    const auto table = txn.OpenTable(kTable);
    if (!table) return table.error().code == ErrorCode::kNotFound ? Status() : table.error();
    OPS_TRY(Cursor cursor, txn.OpenCursor(*table));
    OPS_TRY(const auto last, cursor.Last());
    if (!last || CutOf(last->first) <= flushed) return {};
  }
  OPS_TRY(WriteTxn txn, env.BeginWrite());
  OPS_TRY(const Table table, txn.OpenTable(kTable));
  {
    OPS_TRY(Cursor cursor, txn.OpenCursor(table));
    OPS_TRY(auto at, cursor.Seek(Key(flushed + 1, 0)));
    while (at) {
      OPS_RETURN_IF_ERROR(cursor.Delete());
      OPS_TRY(at, cursor.Next());
    }
  }
  return txn.Commit();
}

Result<std::shared_ptr<Env>> DayFiles::Open(DayNumber day) {
  MutexLock lock(mutex_);
  const auto it = days_.find(day);
  if (it == days_.end()) return std::shared_ptr<Env>();
  return OpenLocked(day, it->second);
}

// Whoever has a copy of env took it under mutex_, so where there is one owner no other
// can come.
void DayFiles::Close(Day& day) {
  if (day.env == nullptr || day.env.use_count() != 1) return;
  day.env = nullptr;
  --open_;
}

void DayFiles::CloseIdle() {
  while (open_ >= options_.open_max) {
    Day* oldest = nullptr;
    for (auto& entry : days_) {
      Day& day = entry.second;
      if (day.env == nullptr || day.env.use_count() != 1) continue;
      if (oldest == nullptr || day.used < oldest->used) oldest = &day;
    }
    if (oldest == nullptr) return;
    Close(*oldest);
  }
}

// After a write that failed: the error for the one who flushes.
Status DayFiles::Failed(DayNumber day, const Error& why) {
  MutexLock lock(mutex_);
  if (why.code == ErrorCode::kCorrupt) {
    OPS_RETURN_IF_ERROR(MoveAsideLocked(day, why));
    return Unavailable(why.message + "; moved aside, what was to be written goes to a new file");
  }
  if (const auto it = days_.find(day); it != days_.end()) it->second.failed = true;
  return why;
}

Result<std::shared_ptr<Env>> DayFiles::OpenLocked(DayNumber number, Day& day) {
  if (day.failed) Close(day);
  if (day.env == nullptr) {
    CloseIdle();
    auto env = Env::Open(Path(number), {.map_bytes = options_.map_bytes, .tables_max = 4});
    if (!env && env.error().code == ErrorCode::kCorrupt) {
      OPS_RETURN_IF_ERROR(MoveAsideLocked(number, env.error()));  // day is gone.
      return std::shared_ptr<Env>();
    }
    OPS_TRY(day.env, std::move(env));
    ++open_;
    day.failed = false;
  }
  day.used = ++uses_;
  return day.env;
}

Result<std::shared_ptr<Env>> DayFiles::OpenOrMake(DayNumber day) {
  Status made;
  {
    MutexLock lock(mutex_);
    Day& of = days_[day];
    const bool opens = of.env == nullptr || of.failed;
    OPS_TRY(std::shared_ptr<Env> env, OpenLocked(day, of));
    if (env == nullptr) {
      return Unavailable(Path(day) + ": moved aside, what was to be written goes to a new file");
    }
    if (opens) made = EnsureTables(*env, {kTable});  // Before others have it.
    if (made) return env;
  }
  return Failed(day, made.error()).error();
}

Status DayFiles::Write(DayNumber day, WalPosition cut, std::size_t count,
                       const std::function<std::string_view(std::size_t)>& value) {
  std::vector<Numbered> values;
  values.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    values.push_back({.number = static_cast<std::uint32_t>(i), .value = value(i)});
  }
  return WriteNumbered(day, cut, values);
}

Status DayFiles::WriteNumbered(DayNumber day, WalPosition cut,
                               const std::vector<Numbered>& values) {
  OPS_RETURN_IF_ERROR(SyncNames());
  OPS_TRY(const std::shared_ptr<Env> env, OpenOrMake(day));
  Status written = WriteInto(*env, cut, values);
  if (!written) return Failed(day, written.error());
  return written;
}

Status DayFiles::WriteInto(Env& env, WalPosition cut, const std::vector<Numbered>& values) const {
  for (std::size_t next = 0; next < values.size();) {
    OPS_TRY(WriteTxn txn, env.BeginWrite());
    OPS_TRY(const Table table, txn.OpenTable(kTable));
    for (std::size_t bytes = 0; next < values.size() && bytes < options_.transaction_bytes_max;
         ++next) {
      OPS_RETURN_IF_ERROR(txn.Put(table, Key(cut, values[next].number), values[next].value));
      bytes += values[next].value.size();
    }
    OPS_RETURN_IF_ERROR(txn.Commit());
  }
  return {};
}

Status DayFiles::CheckRoom(DayNumber day, Env& env) const {
  const std::uint64_t free =
      options_.free_bytes ? options_.free_bytes(options_.dir) : FreeBytesOf(options_.dir);
  const std::uint64_t bytes = env.used_bytes();
  if (bytes <= free) return {};
  return Exhausted(fmt::format("{}: no room on the disk to write its {} bytes anew, {} are free",
                               Path(day), bytes, free));
}

Status DayFiles::Rewrite(DayNumber day) {
  OPS_TRY(const std::shared_ptr<Env> env, Open(day));
  if (env == nullptr) return {};
  const std::string copy = fmt::format("{}{}", Path(day), kCopy);
  RemoveEnvFile(copy);  // Of a process that was killed here.
  OPS_RETURN_IF_ERROR(CheckRoom(day, *env));
  // A flush comes again soon: what is half made must not fill the disk until then.
  if (Status copied = env->CopyTo(copy); !copied) {
    RemoveEnvFile(copy);
    return copied;
  }
  const auto there = PutInPlace(day, copy);
  if (!there) RemoveEnvFile(copy);
  if (!there || !*there) return there ? Status() : Status(there.error());
  if (const Status synced = SyncNames(); !synced) {
    OPS_LOG(kError, "store: {}; nothing is written to days until it can be",
            synced.error().message);
  }
  return {};
}

Result<bool> DayFiles::PutInPlace(DayNumber day, const std::string& file) {
  MutexLock lock(mutex_);
  const auto it = days_.find(day);
  if (it == days_.end()) {  // Dropped meanwhile.
    RemoveEnvFile(file);
    return false;
  }
  OPS_RETURN_IF_ERROR(RenameEnvFile(file, Path(day)));
  names_unsynced_ = true;
  if (it->second.env != nullptr) --open_;
  it->second.env = nullptr;
  return true;
}

// What is written to a file that took another's place is as durable as its name is.
Status DayFiles::SyncNames() {
  if (!names_unsynced_.exchange(false)) return {};
  Status synced = SyncFolder(options_.dir);
  if (!synced) names_unsynced_ = true;
  return synced;
}

Result<std::unique_ptr<Env>> DayFiles::MakeReplacement(DayNumber day) const {
  const std::string path = fmt::format("{}{}", Path(day), kReplacement);
  RemoveEnvFile(path);
  auto env = Env::Open(path, {.map_bytes = options_.map_bytes, .tables_max = 4});
  if (!env) RemoveEnvFile(path);
  return env;
}

Result<bool> DayFiles::Replace(DayNumber day, std::unique_ptr<Env> replacement) {
  const std::string path = replacement->path();
  replacement = nullptr;
  auto there = PutInPlace(day, path);
  if (!there) RemoveEnvFile(path);
  return there;
}

void DayFiles::DropReplacement(std::unique_ptr<Env> replacement) {
  const std::string path = replacement->path();
  replacement = nullptr;
  RemoveEnvFile(path);
}

bool DayFiles::IsLinked(DayNumber day) const {
  std::error_code error;
  const auto names = std::filesystem::hard_link_count(Path(day), error);
  return !error && names > 1;
}

Status DayFiles::SnapshotInto(const std::string& dir, DayNumber day, bool copy) {
  const std::string to = fmt::format("{}/{}", dir, DayFileName(options_.prefix, day));
  std::error_code error;
  if (!copy) std::filesystem::create_hard_link(Path(day), to, error);
  if (!copy && !error) return {};
  // Also where a file system has no links.
  OPS_TRY(const std::shared_ptr<Env> env, Open(day));
  return env == nullptr ? Status() : env->CopyTo(to);
}

void DayFiles::Drop(DayNumber day) {
  std::shared_ptr<Env> env;  // Closes after the unlink, outside the lock.
  {
    MutexLock lock(mutex_);
    const auto it = days_.find(day);
    if (it == days_.end()) return;
    env = std::move(it->second.env);
    if (env != nullptr) --open_;
    days_.erase(it);
    leftovers_.erase(day);
  }
  RemoveEnvFile(Path(day));
}

std::vector<DayNumber> DayFiles::Days() const {
  MutexLock lock(mutex_);
  std::vector<DayNumber> days;
  days.reserve(days_.size());
  for (const auto& entry : days_) days.push_back(entry.first);
  return days;
}

std::map<DayNumber, std::uint64_t> DayFiles::BytesOfDays() const {
  std::map<DayNumber, std::uint64_t> bytes;
  for (const DayNumber day : Days()) {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(Path(day), error);
    bytes[day] = error ? 0 : size;
  }
  return bytes;
}

std::uint64_t DayFiles::disk_bytes() const {
  std::uint64_t total = 0;
  for (const auto& entry : BytesOfDays()) total += entry.second;
  return total;
}

}  // namespace opssight
