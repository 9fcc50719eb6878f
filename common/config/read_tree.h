// Walks a ConfigNode tree and a table together: values into the struct, and the
// struct back into a tree.
#pragma once

#include <string>

#include "common/config/table.h"

namespace opssight {

// Reads the map node into *options. Wrong values, unknown keys and values out of
// bounds become problems; what is right is read all the same.
void ReadTree(const OptionSpecs& specs, const ConfigNode& node, const std::string& path,
              void* options, ConfigReading& reading);

// After all is read: settings that must be set, and the table's checks. A problem
// is put to where the setting was set, else to node.
void CheckWhole(const OptionSpecs& specs, const ConfigNode& node, const std::string& path,
                const void* options, ConfigReading& reading);

// Reads one setting, with its bounds.
void ReadOption(const OptionSpec& option, const ConfigNode& node, const std::string& path,
                void* options, ConfigReading& reading);

// All settings as a map; secrets that are set read "<secret>", unless revealed.
ConfigNode WriteTree(const OptionSpecs& specs, const void* options, bool reveal = false);
ConfigNode WriteOption(const OptionSpec& option, const void* options, bool reveal = false);

}  // namespace opssight
