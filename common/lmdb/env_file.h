// What an environment's file needs beside transactions: LMDB keeps a lock file beside it
// ("<path>-lock"), which must not stay for another file of that name, and a table that is not
// there yet must be made before threads share the Env.
//
// Files are renamed and unlinked also while an Env has them: it goes on with the file it has.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/lmdb/env.h"

namespace opssight {

// Makes the tables that are not there. Without a write where all are: an environment opens
// on a full disk too. For who has the Env alone.
Status EnsureTables(Env& env, const std::vector<std::string>& tables);

// What is not there is no error.
void RemoveEnvFile(const std::string& path);

// In place of what is at `to`. Neither of the lock files stays.
Status RenameEnvFile(const std::string& from, const std::string& to);

// To "<path>.bad", or "<path>.bad-2" and so on where there is one already. That name.
Result<std::string> MoveEnvFileAside(const std::string& path);

}  // namespace opssight
