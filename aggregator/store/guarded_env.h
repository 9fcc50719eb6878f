// GuardedEnv is an Env that heals itself, for the small environments whose
// transactions are short: one transaction at a time, whole under a lock, and after
// a failed write (disk full, map full, I/O error) the environment is closed, so that
// the next use opens it anew with what is really on disk. LMDB itself would refuse
// every transaction after some failures.
//
//   OPS_TRY(auto env, GuardedEnv::Open(path, options, {"tokens"}));
//   Status status = env->Write([&](WriteTxn& txn) -> Status {
//     OPS_TRY(const Table table, txn.OpenTable("tokens"));
//     return txn.Put(table, key, value);
//   });                                     // Durable when it returns well.
//
// Any thread. A reader waits for a commit in progress (some ms). Bodies must not use
// the same GuardedEnv; views read end with the body.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/lmdb/env.h"

namespace opssight {

class GuardedEnv {
 public:
  // Makes the tables that are not there. kCorrupt: not an environment of LMDB.
  static Result<std::unique_ptr<GuardedEnv>> Open(std::string path, const EnvOptions& options,
                                                  std::vector<std::string> tables);

  Status Read(const std::function<Status(ReadTxn&)>& body) OPS_EXCLUDES(mutex_);
  // Commits unless body fails; then nothing happened.
  Status Write(const std::function<Status(WriteTxn&)>& body) OPS_EXCLUDES(mutex_);

  // Gives the file another name, "<path>.damaged-<now_ms>", and goes on with a new one: for
  // a file of which LMDB says that it is corrupt. *aside is that name.
  Status SetAside(std::int64_t now_ms, std::string* aside) OPS_EXCLUDES(mutex_);

  // A copy of what is committed at a path where there is nothing yet.
  Status CopyTo(const std::string& path) OPS_EXCLUDES(mutex_);

  const std::string& path() const { return path_; }

 private:
  GuardedEnv(std::string path, const EnvOptions& options, std::vector<std::string> tables)
      : path_(std::move(path)), options_(options), tables_(std::move(tables)) {}
  Status EnsureOpen() OPS_REQUIRES(mutex_);
  Status WriteLocked(const std::function<Status(WriteTxn&)>& body) OPS_REQUIRES(mutex_);

  const std::string path_;
  const EnvOptions options_;
  const std::vector<std::string> tables_;
  Mutex mutex_;
  std::unique_ptr<Env> env_ OPS_GUARDED_BY(mutex_);  // Null after a failure.
};

// Opens; a file that is not (or no longer) an environment, or of which check says
// kCorrupt, is renamed to "<path>.damaged-<now_ms>" and a new one takes its place,
// since a bad file must not stop a start. *set_aside is the new name, or "" where the
// file was sound. check may be empty.
Result<std::unique_ptr<GuardedEnv>> OpenOrSetAside(
    const std::string& path, const EnvOptions& options, const std::vector<std::string>& tables,
    std::int64_t now_ms, std::string* set_aside, const std::function<Status(ReadTxn&)>& check = {});

// Reads every entry of the table: whether LMDB can find all of its pages. see(value) may
// be empty.
Status WalkTable(ReadTxn& txn, const std::string& table,
                 const std::function<void(std::string_view value)>& see = {});

}  // namespace opssight
