// MetaTable is a small durable map for what is not a signal: enrolled agents,
// tokens, silences, users. Every change is on disk when its call returns well.
//
//   OPS_TRY(auto meta, OpenMeta(dir));                  // meta.mdb, once a process
//   OPS_TRY(MetaTable tokens, MetaTable::Open(meta, "tokens"));
//   OPS_RETURN_IF_ERROR(tokens.Put(id, bytes));
//   OPS_RETURN_IF_ERROR(tokens.Update([&](MetaTable::Edit& edit) -> Status { … }));
//
// Keys are 1..key_bytes_max bytes and sort bytewise; values at most value_bytes_max.
// Any thread; a write costs one commit (0.5 ms to some ms), a read some µs. A full
// disk is kIo or kExhausted, nothing was changed, and the next call may be tried.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aggregator/store/guarded_env.h"
#include "common/base/result.h"

namespace opssight {

struct MetaOptions {
  std::size_t map_bytes = 1UL << 30;  // Address space; also the largest size on disk.
};

// Unlike the wal, a damaged meta.mdb stops the start (kCorrupt): it says who may
// send, so an operator must restore or remove it.
Result<std::shared_ptr<GuardedEnv>> OpenMeta(const std::string& dir, MetaOptions options = {});

class MetaTable {
 public:
  static constexpr std::size_t kKeyBytesMax = 511;  // LMDB's.
  static constexpr std::size_t kValueBytesMax = 1UL << 20;

  // Made where it is not there. At most 24 tables in meta.mdb.
  static Result<MetaTable> Open(std::shared_ptr<GuardedEnv> env, std::string name);

  Result<std::optional<std::string>> Get(std::string_view key) const;
  Status Put(std::string_view key, std::string_view value);
  Result<bool> Delete(std::string_view key);  // Whether it was there.
  Result<std::uint64_t> Count() const;
  // In key order, only keys that begin with prefix.
  Result<std::vector<std::pair<std::string, std::string>>> List(std::string_view prefix = {}) const;

  // Several reads and writes as one: nobody comes between, all or nothing.
  class Edit {
   public:
    Result<std::optional<std::string>> Get(std::string_view key) const;
    Status Put(std::string_view key, std::string_view value);
    Result<bool> Delete(std::string_view key);

   private:
    friend class MetaTable;
    Edit(WriteTxn& txn, Table table) : txn_(txn), table_(table) {}
    WriteTxn& txn_;
    const Table table_;
  };
  // body's error undoes all and is returned. body must not use a MetaTable.
  Status Update(const std::function<Status(Edit&)>& body);

 private:
  MetaTable(std::shared_ptr<GuardedEnv> env, std::string name)
      : env_(std::move(env)), name_(std::move(name)) {}
  std::shared_ptr<GuardedEnv> env_;
  std::string name_;
};

}  // namespace opssight
