#include "common/lmdb/env_file.h"

#include <filesystem>
#include <system_error>

namespace opssight {
namespace {

std::string LockFileOf(const std::string& path) {
  return path + "-lock";
}

}  // namespace

Status EnsureTables(Env& env, const std::vector<std::string>& tables) {
  bool all = true;
  {
    OPS_TRY(ReadTxn txn, env.BeginRead());
    for (const std::string& table : tables) all = all && txn.OpenTable(table).has_value();
  }
  if (all) return {};
  OPS_TRY(WriteTxn txn, env.BeginWrite());
  for (const std::string& table : tables) OPS_RETURN_IF_ERROR(txn.OpenTable(table));
  return txn.Commit();
}

void RemoveEnvFile(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  std::filesystem::remove(LockFileOf(path), ignored);
}

Status RenameEnvFile(const std::string& from, const std::string& to) {
  std::error_code error;
  std::filesystem::rename(from, to, error);
  if (error) return IoError("rename " + from + " to " + to, error.value());
  std::filesystem::remove(LockFileOf(from), error);
  std::filesystem::remove(LockFileOf(to), error);
  return {};
}

Result<std::string> MoveEnvFileAside(const std::string& path) {
  std::error_code ignored;
  std::string aside = path + ".bad";
  for (int i = 2; std::filesystem::exists(aside, ignored); ++i) {
    aside = path + ".bad-" + std::to_string(i);
  }
  OPS_RETURN_IF_ERROR(RenameEnvFile(path, aside));
  return aside;
}

}  // namespace opssight
