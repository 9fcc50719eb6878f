// Puts one file's values over those of the files before it: maps merge key by
// key, lists append, list items that are maps with the same `name` merge, a later
// text wins. `key: ~` takes back a text or a list that was set before; over a map
// it says nothing (a section whose keys are all commented out).
#pragma once

#include "common/config/node.h"

namespace opssight {

// Two shapes at one key (a map over a text) are a problem and leave base as it is.
// path is the dotted key of base.
void MergeInto(ConfigNode& base, ConfigNode over, const std::string& path,
               ConfigProblems& problems);

// The `name` of a list's item; "" where it has none.
std::string NameOf(const ConfigNode& item);

// The key of a list's item in messages: "probes[web]", or "probes[2]" without a name.
std::string ItemPath(const std::string& path, const ConfigNode& item, std::size_t index);

std::string JoinKey(const std::string& path, const std::string& key);

}  // namespace opssight
