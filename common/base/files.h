// Whole small files: read with a limit, written so that a crash or a power cut leaves
// the old or the new one and never a part. Blocking; for start-up and commands, not for
// a loop.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace opssight {

// kNotFound, kIo, or kExhausted above bytes_max. The message names the path.
Result<std::string> ReadFile(const std::string& path, std::size_t bytes_max);

// The folder that a path's last name is in, without a slash at its end: "." for a bare name.
std::string FolderOf(const std::string& path);
// A relative path is meant below folder ("": the working folder), an empty one stays empty.
std::string PathBelow(const std::string& folder, const std::string& path);

// So that a name that was made, changed or taken away in it stays so after a power cut.
Status SyncFolder(const std::string& dir);

// Writes path + ".new", syncs, renames, syncs the folder. mode as in open(2), whatever
// the umask.
Status WriteFileDurably(const std::string& path, std::string_view bytes, unsigned int mode);

}  // namespace opssight
