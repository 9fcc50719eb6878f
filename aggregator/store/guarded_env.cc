#include "aggregator/store/guarded_env.h"

#include <fmt/core.h>

#include "common/base/log.h"
#include "common/lmdb/env_file.h"

namespace opssight {

Result<std::unique_ptr<GuardedEnv>> GuardedEnv::Open(std::string path, const EnvOptions& options,
                                                     std::vector<std::string> tables) {
  std::unique_ptr<GuardedEnv> env(new GuardedEnv(std::move(path), options, std::move(tables)));
  MutexLock lock(env->mutex_);
  OPS_RETURN_IF_ERROR(env->EnsureOpen());
  return env;
}

Status GuardedEnv::EnsureOpen() {
  if (env_ != nullptr) return {};
  OPS_TRY(env_, Env::Open(path_, options_));
  const Status made = EnsureTables(*env_, tables_);
  if (!made) env_ = nullptr;
  return made;
}

Status GuardedEnv::Read(const std::function<Status(ReadTxn&)>& body) {
  MutexLock lock(mutex_);
  OPS_RETURN_IF_ERROR(EnsureOpen());
  OPS_TRY(ReadTxn txn, env_->BeginRead());
  return body(txn);
}

Status GuardedEnv::WriteLocked(const std::function<Status(WriteTxn&)>& body) {
  OPS_TRY(WriteTxn txn, env_->BeginWrite());
  OPS_RETURN_IF_ERROR(body(txn));
  return txn.Commit();
}

namespace {

Status RenameAside(const std::string& path, std::int64_t now_ms, std::string* aside) {
  *aside = fmt::format("{}.damaged-{}", path, now_ms);
  return RenameEnvFile(path, *aside);
}

}  // namespace

Status GuardedEnv::SetAside(std::int64_t now_ms, std::string* aside) {
  MutexLock lock(mutex_);
  env_ = nullptr;
  return RenameAside(path_, now_ms, aside);
}

Status GuardedEnv::CopyTo(const std::string& path) {
  MutexLock lock(mutex_);
  OPS_RETURN_IF_ERROR(EnsureOpen());
  return env_->CopyTo(path);
}

Status GuardedEnv::Write(const std::function<Status(WriteTxn&)>& body) {
  MutexLock lock(mutex_);
  OPS_RETURN_IF_ERROR(EnsureOpen());
  Status status = WriteLocked(body);
  if (!status &&
      (status.error().code == ErrorCode::kIo || status.error().code == ErrorCode::kExhausted)) {
    env_ = nullptr;
  }
  return status;
}

Status WalkTable(ReadTxn& txn, const std::string& table,
                 const std::function<void(std::string_view value)>& see) {
  OPS_TRY(const Table opened, txn.OpenTable(table));
  OPS_TRY(Cursor cursor, txn.OpenCursor(opened));
  OPS_TRY(auto at, cursor.First());
  while (at) {
    if (see) see(at->second);
    OPS_TRY(at, cursor.Next());
  }
  return {};
}

Result<std::unique_ptr<GuardedEnv>> OpenOrSetAside(const std::string& path,
                                                   const EnvOptions& options,
                                                   const std::vector<std::string>& tables,
                                                   std::int64_t now_ms, std::string* set_aside,
                                                   const std::function<Status(ReadTxn&)>& check) {
  set_aside->clear();
  auto env = GuardedEnv::Open(path, options, tables);
  if (env && check) {
    if (Status sound = (*env)->Read(check); !sound) env = std::move(sound).error();
  }
  if (env || env.error().code != ErrorCode::kCorrupt) return env;
  OPS_RETURN_IF_ERROR(RenameAside(path, now_ms, set_aside));
  OPS_LOG(kError, "store: {}; kept as {}, going on with a new file", env.error().message,
          *set_aside);
  return GuardedEnv::Open(path, options, tables);
}

}  // namespace opssight
