#include "aggregator/store/rollup/rollup_files.h"

#include <array>
#include <chrono>
#include <filesystem>
#include <system_error>

#include <fmt/core.h>

#include "aggregator/store/rollup/day_buckets.h"
#include "aggregator/store/rollup/rollup_list.h"
#include "common/base/log.h"
#include "common/bytes/endian.h"
#include "common/bytes/varint.h"
#include "common/lmdb/env_file.h"

namespace opssight {
namespace {

constexpr std::array<std::pair<std::int64_t, std::string_view>, 2> kPrefixes = {
    {{kFineMs, "r5m-"}, {kCoarseMs, "r1h-"}}};
constexpr std::string_view kSuffix = ".mdb";

std::string_view PrefixOf(std::int64_t resolution_ms) {
  return resolution_ms == kFineMs ? kPrefixes[0].second : kPrefixes[1].second;
}

// "r5m-202601.mdb"
std::optional<std::pair<std::int64_t, MonthNumber>> ParseName(std::string_view name) {
  for (const auto& [resolution_ms, prefix] : kPrefixes) {
    if (!name.starts_with(prefix) || !name.ends_with(kSuffix)) continue;
    const std::string_view digits =
        name.substr(prefix.size(), name.size() - prefix.size() - kSuffix.size());
    if (digits.size() != 6) return std::nullopt;
    std::int64_t number = 0;
    for (const char c : digits) {
      if (c < '0' || c > '9') return std::nullopt;
      number = number * 10 + (c - '0');
    }
    if (number % 100 < 1 || number % 100 > 12) return std::nullopt;
    return std::pair(resolution_ms, number / 100 * 12 + number % 100 - 1);
  }
  return std::nullopt;
}

}  // namespace

MonthNumber MonthOfDay(DayNumber day) {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
  return static_cast<int>(date.year()) * std::int64_t{12} + static_cast<unsigned>(date.month()) - 1;
}

DayNumber FirstDayOf(MonthNumber month) {
  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(month / 12)},
                                         std::chrono::month{static_cast<unsigned>(month % 12) + 1},
                                         std::chrono::day{1}};
  return std::chrono::sys_days{date}.time_since_epoch().count();
}

std::string EncodeRollupDay(const RollupDay& day) {
  std::string out;
  PutVarint(out, day.generation);
  PutVarint(out, day.cut);
  PutVarint(out, day.edited ? 1 : 0);
  PutVarint(out, day.series);
  PutVarint(out, day.samples);
  PutLe(out, Hash64(out));
  return out;
}

Result<RollupDay> DecodeRollupDay(std::string_view bytes) {
  const auto bad = [] { return Corrupt("the record of a day of rollups"); };
  if (bytes.size() < sizeof(std::uint64_t)) return bad();
  std::string_view body = bytes.substr(0, bytes.size() - sizeof(std::uint64_t));
  if (Hash64(body) != LoadLe<std::uint64_t>(bytes.data() + body.size())) return bad();
  const auto generation = GetVarint(body);
  const auto cut = GetVarint(body);
  const auto edited = GetVarint(body);
  const auto series = GetVarint(body);
  const auto samples = GetVarint(body);
  if (!generation || *generation > UINT32_MAX || !cut || !edited || !series || !samples ||
      !body.empty()) {
    return bad();
  }
  return RollupDay{.generation = static_cast<std::uint32_t>(*generation),
                   .cut = *cut,
                   .edited = *edited != 0,
                   .series = *series,
                   .samples = *samples};
}

std::string DayKeyOf(DayNumber day) {
  return BeBytes(static_cast<std::uint32_t>(day));
}

std::string ListKeyOf(const Hash128& list) {
  std::string key;
  PutBe(key, list.high);
  PutBe(key, list.low);
  return key;
}

Status LoadRollupList(ReadTxn& txn, Table lists, const Hash128& name, SeriesIndex& index) {
  OPS_TRY(const auto bytes, txn.Get(lists, ListKeyOf(name)));
  if (!bytes) return Corrupt("block ORB1: its list is gone");
  return ReadRollupList(*bytes, index);
}

Result<bool> WalkBlocks(ReadTxn& txn, std::string& next, const SeeBlock& see) {
  constexpr std::size_t kLooksMax = 10'000;
  OPS_TRY(const Table blocks, txn.OpenTable(RollupFiles::kBlocks));
  OPS_TRY(Cursor cursor, txn.OpenCursor(blocks));
  OPS_TRY(auto at, cursor.Seek(next));
  bool enough = false;
  for (std::size_t looks = 0; at && !enough && looks < kLooksMax; ++looks) {
    if (const auto key = BlockKey::Parse(at->first)) {
      OPS_TRY(enough, see(*key, at->second));
    }
    OPS_TRY(at, cursor.Next());
  }
  next = at ? std::string(at->first) : std::string();
  return at.has_value();
}

std::string BlockKey::ToBytes() const {
  std::string out;
  PutBe(out, metric);
  PutBe(out, static_cast<std::uint32_t>(day));
  PutBe(out, generation);
  PutBe(out, number);
  return out;
}

std::optional<BlockKey> BlockKey::Parse(std::string_view bytes) {
  const auto metric = GetBe<std::uint64_t>(bytes);
  const auto day = GetBe<std::uint32_t>(bytes);
  const auto generation = GetBe<std::uint32_t>(bytes);
  const auto number = GetBe<std::uint32_t>(bytes);
  if (!metric || !day || !generation || !number || !bytes.empty()) return std::nullopt;
  return BlockKey{.metric = *metric, .day = *day, .generation = *generation, .number = *number};
}

std::string RollupFiles::Path(const FileKey& key) const {
  return fmt::format("{}/{}{:04}{:02}{}", dir_, PrefixOf(key.first), key.second / 12,
                     key.second % 12 + 1, kSuffix);
}

Status RollupFiles::Open() {
  std::error_code error;
  std::filesystem::create_directories(dir_, error);
  if (error) return IoError("rollup: create " + dir_, error.value());
  MutexLock lock(mutex_);
  for (std::filesystem::directory_iterator it(dir_, error), end; it != end && !error;
       it.increment(error)) {
    if (const auto key = ParseName(it->path().filename().string())) files_[*key] = nullptr;
  }
  return error ? Status(IoError("rollup: list " + dir_, error.value())) : Status();
}

Result<std::shared_ptr<Env>> RollupFiles::OpenLocked(const FileKey& key) const {
  std::shared_ptr<Env>& file = files_[key];
  if (file != nullptr) return file;
  const std::string path = Path(key);
  Result<std::unique_ptr<Env>> env = Env::Open(path, {.map_bytes = map_bytes_, .tables_max = 8});
  const Status made =
      env ? EnsureTables(**env, {kDays, kBegun, kLists, kBlocks}) : Status(env.error());
  if (made) {
    file = *std::move(env);
    return file;
  }
  if (made.error().code != ErrorCode::kCorrupt) return made.error();
  files_.erase(key);
  OPS_TRY(const std::string aside, MoveEnvFileAside(path));
  bad_files_.fetch_add(1, std::memory_order_relaxed);
  OPS_LOG(kError, "rollup: {}: {}; moved to {}, samples answer where there are any", path,
          made.error().message, aside);
  return std::shared_ptr<Env>();
}

Result<std::shared_ptr<Env>> RollupFiles::Find(std::int64_t resolution_ms,
                                               MonthNumber month) const {
  const FileKey key(resolution_ms, month);
  MutexLock lock(mutex_);
  if (!files_.contains(key)) return std::shared_ptr<Env>();
  return OpenLocked(key);
}

Result<std::shared_ptr<Env>> RollupFiles::FindOrMake(std::int64_t resolution_ms,
                                                     MonthNumber month) {
  MutexLock lock(mutex_);
  OPS_TRY(std::shared_ptr<Env> env, OpenLocked({resolution_ms, month}));
  if (env != nullptr) return env;
  return OpenLocked({resolution_ms, month});  // It was moved aside.
}

std::vector<MonthNumber> RollupFiles::Months(std::int64_t resolution_ms) const {
  MutexLock lock(mutex_);
  std::vector<MonthNumber> out;
  for (const auto& entry : files_) {
    if (entry.first.first == resolution_ms) out.push_back(entry.first.second);
  }
  return out;
}

void RollupFiles::Drop(std::int64_t resolution_ms, MonthNumber month) {
  std::shared_ptr<Env> env;  // Closes after the unlink, outside the lock.
  MutexLock lock(mutex_);
  const auto it = files_.find({resolution_ms, month});
  if (it == files_.end()) return;
  env = std::move(it->second);
  RemoveEnvFile(Path(it->first));
  files_.erase(it);
}

Status RollupFiles::SnapshotInto(const std::string& dir) const {
  std::vector<FileKey> keys;
  {
    MutexLock lock(mutex_);
    for (const auto& entry : files_) keys.push_back(entry.first);
  }
  for (const FileKey& key : keys) {
    OPS_TRY(const std::shared_ptr<Env> env, Find(key.first, key.second));
    if (env == nullptr) continue;
    const std::string name = std::filesystem::path(env->path()).filename().string();
    OPS_RETURN_IF_ERROR(env->CopyTo(dir + "/" + name));
  }
  return {};
}

std::uint64_t RollupFiles::disk_bytes() const {
  MutexLock lock(mutex_);
  std::uint64_t total = 0;
  for (const auto& entry : files_) {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(Path(entry.first), error);
    if (!error) total += size;
  }
  return total;
}

}  // namespace opssight
