#include "aggregator/store/meta_table.h"

#include <filesystem>
#include <system_error>

#include <fmt/core.h>

namespace opssight {
namespace {

constexpr unsigned int kTablesMax = 24;

Status CheckKey(std::string_view key) {
  if (!key.empty() && key.size() <= MetaTable::kKeyBytesMax) return {};
  return Invalid(fmt::format("meta: a key of {} bytes; 1 to {} are allowed", key.size(),
                             MetaTable::kKeyBytesMax));
}

}  // namespace

Result<std::shared_ptr<GuardedEnv>> OpenMeta(const std::string& dir, MetaOptions options) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) return IoError("meta: create " + dir, error.value());
  OPS_TRY(auto env,
          GuardedEnv::Open(dir + "/meta.mdb",
                           {.map_bytes = options.map_bytes, .tables_max = kTablesMax}, {}));
  return std::shared_ptr<GuardedEnv>(std::move(env));
}

Result<MetaTable> MetaTable::Open(std::shared_ptr<GuardedEnv> env, std::string name) {
  const bool there = env->Read([&](ReadTxn& txn) -> Status {
                          OPS_RETURN_IF_ERROR(txn.OpenTable(name));
                          return {};
                        })
                         .has_value();
  if (!there) {
    Status made = env->Write([&](WriteTxn& txn) -> Status {
      OPS_RETURN_IF_ERROR(txn.OpenTable(name));
      return {};
    });
    if (!made) return std::move(made).error();
  }
  return MetaTable(std::move(env), std::move(name));
}

Result<std::optional<std::string>> MetaTable::Get(std::string_view key) const {
  OPS_RETURN_IF_ERROR(CheckKey(key));
  std::optional<std::string> value;
  Status read = env_->Read([&](ReadTxn& txn) -> Status {
    OPS_TRY(const Table table, txn.OpenTable(name_));
    OPS_TRY(const auto found, txn.Get(table, key));
    if (found) value = std::string(*found);
    return {};
  });
  if (!read) return std::move(read).error();
  return value;
}

Status MetaTable::Put(std::string_view key, std::string_view value) {
  return Update([&](Edit& edit) { return edit.Put(key, value); });
}

Result<bool> MetaTable::Delete(std::string_view key) {
  bool was = false;
  Status updated = Update([&](Edit& edit) -> Status {
    OPS_TRY(was, edit.Delete(key));
    return {};
  });
  if (!updated) return std::move(updated).error();
  return was;
}

Result<std::uint64_t> MetaTable::Count() const {
  std::uint64_t count = 0;
  Status read = env_->Read([&](ReadTxn& txn) -> Status {
    OPS_TRY(const Table table, txn.OpenTable(name_));
    OPS_TRY(count, txn.Count(table));
    return {};
  });
  if (!read) return std::move(read).error();
  return count;
}

Result<std::vector<std::pair<std::string, std::string>>> MetaTable::List(
    std::string_view prefix) const {
  std::vector<std::pair<std::string, std::string>> out;
  Status read = env_->Read([&](ReadTxn& txn) -> Status {
    OPS_TRY(const Table table, txn.OpenTable(name_));
    OPS_TRY(Cursor cursor, txn.OpenCursor(table));
    OPS_TRY(auto at, cursor.Seek(prefix));
    while (at && at->first.starts_with(prefix)) {
      out.emplace_back(at->first, at->second);
      OPS_TRY(at, cursor.Next());
    }
    return {};
  });
  if (!read) return std::move(read).error();
  return out;
}

Status MetaTable::Update(const std::function<Status(Edit&)>& body) {
  return env_->Write([&](WriteTxn& txn) -> Status {
    OPS_TRY(const Table table, txn.OpenTable(name_));
    Edit edit(txn, table);
    return body(edit);
  });
}

Result<std::optional<std::string>> MetaTable::Edit::Get(std::string_view key) const {
  OPS_RETURN_IF_ERROR(CheckKey(key));
  OPS_TRY(const auto found, txn_.Get(table_, key));
  if (!found) return std::optional<std::string>();
  return std::optional<std::string>(std::string(*found));
}

Status MetaTable::Edit::Put(std::string_view key, std::string_view value) {
  OPS_RETURN_IF_ERROR(CheckKey(key));
  if (value.size() > kValueBytesMax) {
    return Invalid(
        fmt::format("meta: a value of {} bytes; {} are allowed", value.size(), kValueBytesMax));
  }
  return txn_.Put(table_, key, value);
}

Result<bool> MetaTable::Edit::Delete(std::string_view key) {
  OPS_RETURN_IF_ERROR(CheckKey(key));
  return txn_.Delete(table_, key);
}

}  // namespace opssight
