#include "common/lmdb/env.h"

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <lmdb.h>

#include "common/base/log.h"
#include "common/lmdb/guarded_read.h"

namespace opssight {
namespace {

constexpr mode_t kFileMode = 0640;

// What the kernel may map with one touched page (its fault_around_bytes).
constexpr std::size_t kTouchBytes = 64UL << 10;
// A transaction reads the pages above those that it changes, and the free list.
constexpr std::size_t kCommitTouches = 4;

Error LmdbError(int code, const std::string& path, std::string_view doing) {
  std::string message = path + ": " + std::string(doing) + ": " + mdb_strerror(code);
  switch (code) {
    case MDB_MAP_FULL:
    case MDB_READERS_FULL:
    case MDB_DBS_FULL:
    case MDB_TXN_FULL:
      return {ErrorCode::kExhausted, std::move(message)};
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
      return {ErrorCode::kCorrupt, std::move(message)};
    case MDB_NOTFOUND:
      return {ErrorCode::kNotFound, std::move(message)};
    case MDB_KEYEXIST:
    case MDB_BAD_VALSIZE:
    case EINVAL:
      return {ErrorCode::kInvalid, std::move(message)};
    default:
      return {ErrorCode::kIo, std::move(message)};
  }
}

MDB_val ToVal(std::string_view bytes) {
  return {.mv_size = bytes.size(), .mv_data = const_cast<char*>(bytes.data())};
}

std::string_view ToView(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

// LMDB makes its lock file sparse and maps it; on a full disk the first touch of a page
// without a block would be a SIGBUS. With its blocks in place it cannot be.
Status ReserveLockFile(const std::string& path, unsigned int readers_max) {
  const std::string lock = path + "-lock";
  const int fd = open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode);
  if (fd < 0) return {};            // LMDB says why, or goes without on a read-only file system.
  constexpr off_t kSlotBytes = 64;  // Of a reader; LMDB's header takes some, too.
  const off_t bytes = (static_cast<off_t>(readers_max) + 8) * kSlotBytes;
  const int error = posix_fallocate(fd, 0, bytes);
  close(fd);
  if (error != 0) return IoError(lock + ": reserve", error);
  return {};
}

int FileOf(MDB_env* env) {
  mdb_filehandle_t fd = -1;
  return mdb_env_get_fd(env, &fd) == 0 ? fd : -1;
}

std::size_t MapBytesOf(MDB_env* env) {
  MDB_envinfo info{};
  return mdb_env_info(env, &info) == 0 ? info.me_mapsize : 0;
}

Status SyncFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return IoError("lmdb: open " + path, errno);
  const int failed = fsync(fd) != 0 ? errno : 0;
  close(fd);
  return failed != 0 ? Status(IoError("lmdb: sync " + path, failed)) : Status();
}

std::uint64_t UsedBytesOf(MDB_env* env) {
  MDB_envinfo info{};
  MDB_stat stat{};
  if (mdb_env_info(env, &info) != 0 || mdb_env_stat(env, &stat) != 0) return 0;
  return (static_cast<std::uint64_t>(info.me_last_pgno) + 1) * stat.ms_psize;
}

// A file that was cut would kill the process where the missing part of the map is
// touched. Zeros in its place are found as damage. (Pages that a transaction took at the end
// of the file and gave back are never written; for these zeros are as good as anything.)
Status FillUp(MDB_env* env, const std::string& path) {
  struct stat file {};
  if (stat(path.c_str(), &file) != 0) return IoError("stat " + path, errno);
  const std::uint64_t needed = UsedBytesOf(env);
  if (static_cast<std::uint64_t>(file.st_size) >= needed) return {};
  OPS_LOG(kWarn, "{}: {} bytes of {} are there; filled up with zeros", path, file.st_size, needed);
  if (truncate(path.c_str(), static_cast<off_t>(needed)) != 0) {
    return IoError("truncate " + path, errno);
  }
  return {};
}

// Walks a table, its pages of long values left out. 0: it can be read.
int WalkTable(MDB_txn* txn, MDB_dbi table) {
  MDB_cursor* cursor = nullptr;
  int code = mdb_cursor_open(txn, table, &cursor);
  if (code != 0) return code;
  MDB_val key{};
  do {
    code = GuardedRead([&] { return mdb_cursor_get(cursor, &key, nullptr, MDB_NEXT); });
  } while (code == 0);
  mdb_cursor_close(cursor);
  return code == MDB_NOTFOUND ? 0 : code;
}

// Copying trusts every page, and would end the process at one that is damaged.
int WalkAll(MDB_env* env) {
  constexpr MDB_dbi kFreePages = 0;
  constexpr MDB_dbi kNames = 1;
  MDB_txn* txn = nullptr;
  int code = mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn);
  if (code != 0) return code;
  std::vector<std::string> names;
  MDB_cursor* cursor = nullptr;
  code = WalkTable(txn, kFreePages);
  if (code == 0) code = mdb_cursor_open(txn, kNames, &cursor);
  MDB_val key{};
  const auto next = [&] { return mdb_cursor_get(cursor, &key, nullptr, MDB_NEXT); };
  while (code == 0 && (code = GuardedRead(next)) == 0) names.emplace_back(ToView(key));
  if (cursor != nullptr) mdb_cursor_close(cursor);
  if (code == MDB_NOTFOUND) code = 0;
  for (std::size_t i = 0; i < names.size() && code == 0; ++i) {
    MDB_dbi table = 0;
    code = mdb_dbi_open(txn, names[i].c_str(), 0, &table);
    if (code == 0) code = WalkTable(txn, table);
  }
  mdb_txn_abort(txn);
  return code;
}

// Opens the tables that there are for as long as the environment is open. A handle that a
// read transaction opens is its own and closes with it, in arrays that all transactions
// share: two that open the same table at once break each other (MDB_BAD_DBI, at best).
int OpenTables(MDB_env* env) {
  MDB_txn* txn = nullptr;
  MDB_dbi main = 0;
  MDB_cursor* cursor = nullptr;
  int code = mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn);
  if (code != 0) return code;
  code = mdb_dbi_open(txn, nullptr, 0, &main);
  if (code == 0) code = mdb_cursor_open(txn, main, &cursor);
  MDB_val key{};
  const auto next = [&] { return mdb_cursor_get(cursor, &key, nullptr, MDB_NEXT); };
  while (code == 0 && (code = GuardedRead(next)) == 0) {
    const std::string name(ToView(key));
    MDB_dbi table = 0;
    // What is no table, or one too many, is told when it is asked for.
    (void)mdb_dbi_open(txn, name.c_str(), 0, &table);
  }
  if (cursor != nullptr) mdb_cursor_close(cursor);
  if (code == MDB_NOTFOUND) return mdb_txn_commit(txn);  // The end; keeps the handles.
  mdb_txn_abort(txn);
  return code;
}

}  // namespace

Result<std::unique_ptr<Env>> Env::Open(const std::string& path, const EnvOptions& options) {
  OPS_RETURN_IF_ERROR(ReserveLockFile(path, options.readers_max));
  MDB_env* env = nullptr;
  if (const int code = mdb_env_create(&env); code != 0) return LmdbError(code, path, "create");
  unsigned int flags = MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD;
  if (options.read_only) flags |= MDB_RDONLY;
  int code = mdb_env_set_mapsize(env, options.map_bytes);
  if (code == 0) code = mdb_env_set_maxdbs(env, options.tables_max);
  if (code == 0) code = mdb_env_set_maxreaders(env, options.readers_max);
  if (code == 0) code = SetGuard(env);
  if (code == 0) code = mdb_env_open(env, path.c_str(), flags, kFileMode);
  Status whole;
  if (code == 0) whole = FillUp(env, path);
  if (code == 0 && whole) code = OpenTables(env);
  if (code != 0 || !whole) {
    mdb_env_close(env);
    return code != 0 ? LmdbError(code, path, "open") : whole.error();
  }
  return std::unique_ptr<Env>(new Env(env, path, options));
}

Env::Env(MDB_env* env, std::string path, const EnvOptions& options)
    : env_(env),
      path_(std::move(path)),
      pages_(FileOf(env), MapBytesOf(env), options.resident_bytes) {}

Env::~Env() {
  mdb_env_close(env_);
}

Result<ReadTxn> Env::BeginRead() {
  MDB_txn* txn = nullptr;
  if (const int code = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn); code != 0) {
    return LmdbError(code, path_, "begin read");
  }
  return ReadTxn(txn, &path_, &pages_);
}

Result<WriteTxn> Env::BeginWrite() {
  MDB_txn* txn = nullptr;
  if (const int code = mdb_txn_begin(env_, nullptr, 0, &txn); code != 0) {
    return LmdbError(code, path_, "begin write");
  }
  return WriteTxn(txn, &path_, &pages_);
}

Status Env::CopyTo(const std::string& path) {
  if (const int code = WalkAll(env_); code != 0) return LmdbError(code, path_, "copy");
  if (const int code = mdb_env_copy2(env_, path.c_str(), MDB_CP_COMPACT); code != 0) {
    return LmdbError(code, path_, "copy to " + path);
  }
  return SyncFile(path);
}

std::uint64_t Env::used_bytes() const {
  return UsedBytesOf(env_);
}

Cursor::Cursor(Cursor&& other) noexcept
    : cursor_(std::exchange(other.cursor_, nullptr)), path_(other.path_), pages_(other.pages_) {}

Cursor::~Cursor() {
  if (cursor_ != nullptr) mdb_cursor_close(cursor_);
}

Result<std::optional<KeyValue>> Cursor::Move(int operation, std::string_view seek) {
  MDB_val key = ToVal(seek);
  MDB_val value{};
  const int code = GuardedRead(
      [&] { return mdb_cursor_get(cursor_, &key, &value, static_cast<MDB_cursor_op>(operation)); });
  if (code == MDB_NOTFOUND) return std::optional<KeyValue>();
  if (code != 0) return LmdbError(code, *path_, "read");
  return std::optional<KeyValue>(KeyValue(ToView(key), ToView(value)));
}

Result<std::optional<KeyValue>> Cursor::First() {
  return Move(MDB_FIRST, {});
}
Result<std::optional<KeyValue>> Cursor::Last() {
  return Move(MDB_LAST, {});
}
Result<std::optional<KeyValue>> Cursor::Next() {
  return Move(MDB_NEXT, {});
}
Result<std::optional<KeyValue>> Cursor::Seek(std::string_view key) {
  return Move(key.empty() ? MDB_FIRST : MDB_SET_RANGE, key);
}

Status Cursor::Delete() {
  if (const int code = mdb_cursor_del(cursor_, 0); code != 0) {
    return LmdbError(code, *path_, "delete");
  }
  pages_->Touched(kTouchBytes);
  return {};
}

ReadTxn::ReadTxn(ReadTxn&& other) noexcept
    : txn_(std::exchange(other.txn_, nullptr)), path_(other.path_), pages_(other.pages_) {}

ReadTxn::~ReadTxn() {
  if (txn_ != nullptr) mdb_txn_abort(txn_);
}

Result<Table> ReadTxn::OpenTableWith(const std::string& name, unsigned int flags) {
  Table table;
  if (const int code = mdb_dbi_open(txn_, name.c_str(), flags, &table.handle); code != 0) {
    return LmdbError(code, *path_, "open table " + name);
  }
  return table;
}

Result<Table> ReadTxn::OpenTable(const std::string& name) {
  return OpenTableWith(name, 0);
}

Result<std::optional<std::string_view>> ReadTxn::Get(Table table, std::string_view key) const {
  MDB_val lmdb_key = ToVal(key);
  MDB_val value{};
  const int code = GuardedRead([&] { return mdb_get(txn_, table.handle, &lmdb_key, &value); });
  if (code == MDB_NOTFOUND) return std::optional<std::string_view>();
  if (code != 0) return LmdbError(code, *path_, "get");
  return std::optional<std::string_view>(ToView(value));
}

Result<Cursor> ReadTxn::OpenCursor(Table table) const {
  MDB_cursor* cursor = nullptr;
  if (const int code = mdb_cursor_open(txn_, table.handle, &cursor); code != 0) {
    return LmdbError(code, *path_, "open cursor");
  }
  return Cursor(cursor, path_, pages_);
}

Result<std::uint64_t> ReadTxn::Count(Table table) const {
  MDB_stat stat{};
  if (const int code = mdb_stat(txn_, table.handle, &stat); code != 0) {
    return LmdbError(code, *path_, "count");
  }
  return static_cast<std::uint64_t>(stat.ms_entries);
}

Result<Table> WriteTxn::OpenTable(const std::string& name) {
  return OpenTableWith(name, MDB_CREATE);
}

Status WriteTxn::PutWith(Table table, std::string_view key, std::string_view value,
                         unsigned int flags) {
  MDB_val lmdb_key = ToVal(key);
  MDB_val lmdb_value = ToVal(value);
  if (const int code = mdb_put(txn_, table.handle, &lmdb_key, &lmdb_value, flags); code != 0) {
    return LmdbError(code, *path_, "put");
  }
  pages_->Touched(value.size());
  return {};
}

Status WriteTxn::Put(Table table, std::string_view key, std::string_view value) {
  return PutWith(table, key, value, 0);
}

Status WriteTxn::Append(Table table, std::string_view key, std::string_view value) {
  return PutWith(table, key, value, MDB_APPEND);
}

Result<bool> WriteTxn::Delete(Table table, std::string_view key) {
  MDB_val lmdb_key = ToVal(key);
  const int code = mdb_del(txn_, table.handle, &lmdb_key, nullptr);
  if (code == MDB_NOTFOUND) return false;
  if (code != 0) return LmdbError(code, *path_, "delete");
  pages_->Touched(kTouchBytes);
  return true;
}

Status WriteTxn::Commit() {
  if (const int code = mdb_txn_commit(std::exchange(txn_, nullptr)); code != 0) {
    return LmdbError(code, *path_, "commit");
  }
  pages_->Touched(kCommitTouches * kTouchBytes);
  return {};
}

}  // namespace opssight
