// LMDB (0.9.24) with results instead of return codes and scopes instead of
// pairs of calls. Rules that live here, so that no caller can break them
// (measured, see storage notes in the format READMEs):
//   - default sync mode: what Commit said is on disk survives a power cut;
//   - MDB_NOTLS, so that a thread may hold a read transaction and write;
//   - never WRITEMAP, NOSYNC, NOMETASYNC or DUPSORT;
//   - one Env per path and process;
//   - tables that are there are opened with the Env, since transactions that open one at
//     the same time break each other. One that is not there is to be made before other
//     threads have the Env.
//
//   OPS_TRY(auto env, Env::Open(path, {}));
//   OPS_TRY(WriteTxn txn, env->BeginWrite());
//   OPS_TRY(Table table, txn.OpenTable("chunks"));
//   OPS_RETURN_IF_ERROR(txn.Put(table, key, value));
//   OPS_RETURN_IF_ERROR(txn.Commit());
//
// Errors carry the path. A full map is kExhausted, a full or failing disk kIo; in
// both cases the transaction is gone, what was committed before stays, and the next
// transaction may be tried. A damaged page is kCorrupt where it is met; the transaction
// reads no more then, the next one does. One writer at a time (BeginWrite waits for it); readers
// never wait. A view read is valid until its transaction ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/result.h"
#include "common/lmdb/mapped_pages.h"

struct MDB_env;
struct MDB_txn;
struct MDB_cursor;

namespace opssight {

class ReadTxn;
class WriteTxn;

// A named database of an Env. Stays valid as long as the Env.
struct Table {
  unsigned int handle = 0;
};

struct EnvOptions {
  std::size_t map_bytes = 64UL << 30;  // Address space only; also the largest size on disk.
  unsigned int tables_max = 16;
  unsigned int readers_max = 512;
  bool read_only = false;
  // Of the file that writing may leave in this process's memory; the page cache keeps
  // the rest (mapped_pages.h).
  std::size_t resident_bytes = 4UL << 20;
};

class Env {
 public:
  // path is the data file itself; its lock file stands beside it ("…-lock"). A file that was
  // cut is filled up with zeros, so that reading it finds damage instead of a SIGBUS.
  static Result<std::unique_ptr<Env>> Open(const std::string& path, const EnvOptions& options);
  ~Env();
  Env(const Env&) = delete;
  Env& operator=(const Env&) = delete;

  Result<ReadTxn> BeginRead();
  Result<WriteTxn> BeginWrite();
  const std::string& path() const { return path_; }
  // A copy of what is committed, without free pages, at a path where there is nothing yet.
  // A reader meanwhile: what is freed after it began stays in the file. On disk when it
  // returns well; where it does not, something may be there. kCorrupt: a page is damaged.
  Status CopyTo(const std::string& path);
  // Bytes of the file that hold data (its pages in use).
  std::uint64_t used_bytes() const;

 private:
  Env(MDB_env* env, std::string path, const EnvOptions& options);
  MDB_env* const env_;
  const std::string path_;
  MappedPages pages_;
};

using KeyValue = std::pair<std::string_view, std::string_view>;

// Walks a table in key order.
class Cursor {
 public:
  Cursor(Cursor&& other) noexcept;
  Cursor& operator=(Cursor&&) = delete;
  ~Cursor();

  // Nothing at the end of the table.
  Result<std::optional<KeyValue>> First();
  Result<std::optional<KeyValue>> Last();
  Result<std::optional<KeyValue>> Next();
  Result<std::optional<KeyValue>> Seek(std::string_view key);  // The first key >= key.
  Status Delete();  // The entry it stands on; Next() then gives the one after it.

 private:
  friend class ReadTxn;
  Cursor(MDB_cursor* cursor, const std::string* path, MappedPages* pages)
      : cursor_(cursor), path_(path), pages_(pages) {}
  Result<std::optional<KeyValue>> Move(int operation, std::string_view key);
  MDB_cursor* cursor_;
  const std::string* path_;
  MappedPages* pages_;
};

// A snapshot. Keep it short: pages freed after it began stay in the file.
class ReadTxn {
 public:
  ReadTxn(ReadTxn&& other) noexcept;
  ReadTxn& operator=(ReadTxn&&) = delete;
  virtual ~ReadTxn();

  // kNotFound where the table was never made.
  Result<Table> OpenTable(const std::string& name);
  Result<std::optional<std::string_view>> Get(Table table, std::string_view key) const;
  Result<Cursor> OpenCursor(Table table) const;
  Result<std::uint64_t> Count(Table table) const;

 protected:
  friend class Env;
  ReadTxn(MDB_txn* txn, const std::string* path, MappedPages* pages)
      : txn_(txn), path_(path), pages_(pages) {}
  Result<Table> OpenTableWith(const std::string& name, unsigned int flags);
  MDB_txn* txn_;
  const std::string* path_;
  MappedPages* pages_;
};

// Ends without Commit: nothing happened.
class WriteTxn final : public ReadTxn {
 public:
  WriteTxn(WriteTxn&&) noexcept = default;

  Result<Table> OpenTable(const std::string& name);  // Made where it is not there.
  Status Put(Table table, std::string_view key, std::string_view value);
  // For keys above all that are there: fills pages to the brim. kInvalid for another key.
  Status Append(Table table, std::string_view key, std::string_view value);
  Result<bool> Delete(Table table, std::string_view key);  // Whether it was there.
  // On disk when it returns well.
  Status Commit();

 private:
  friend class Env;
  using ReadTxn::ReadTxn;
  Status PutWith(Table table, std::string_view key, std::string_view value, unsigned int flags);
};

}  // namespace opssight
