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

// Writes path + ".new", syncs, renames, syncs the folder. mode as in open(2), whatever
// the umask.
Status WriteFileDurably(const std::string& path, std::string_view bytes, unsigned int mode);

}  // namespace opssight
