// Reads the configuration files of a program: the main file, then the *.yaml of
// its drop-in folder in name order. What cannot be read is a problem beside those
// of the texts, so that all show at once.
#pragma once

#include <string>

#include "common/config/load.h"

namespace opssight {

inline constexpr std::size_t kDropInsMax = 1000;

// A missing drop_in_dir ("" for none) is no problem; a missing main file is, unless
// main_required is false. Hidden files are left out, as editors leave such; a *.yml
// is a problem, since it looks as if it were read.
ConfigSources ReadConfigFiles(const std::string& main_path, const std::string& drop_in_dir,
                              bool main_required = true);
// Appends the files of one more such folder.
void AddDropIns(const std::string& dir, ConfigSources& sources);

}  // namespace opssight
