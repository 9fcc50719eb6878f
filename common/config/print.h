// What a table says, as text for people: the configuration in effect, an example
// file with all defaults, and the reference page. All three follow from the table,
// so none can go stale.
#pragma once

#include <string>
#include <string_view>

#include "common/config/load.h"

namespace opssight {

// YAML of all settings, each that is not a default followed by where it was set.
// Secrets read "<secret>". Reads back as the same configuration but for those.
std::string PrintOptions(const OptionSpecs& specs, const void* options,
                         const ConfigOrigins& origins);

// YAML that sets nothing: each setting commented out with its default and its
// sentence. header stands at the top, as comment lines.
std::string ExampleFile(const OptionSpecs& specs, const void* defaults, std::string_view header);

// Markdown: a table for each section and each list's items. header stands at the top.
std::string ReferencePage(const OptionSpecs& specs, const void* defaults, std::string_view header);

template <class S>
std::string PrintConfig(const OptionTable<S>& table, const S& options,
                        const ConfigOrigins& origins) {
  return PrintOptions(table.specs(), &options, origins);
}
template <class S>
std::string ExampleFile(const OptionTable<S>& table, std::string_view header) {
  const S defaults{};
  return ExampleFile(table.specs(), &defaults, header);
}
template <class S>
std::string ReferencePage(const OptionTable<S>& table, std::string_view header) {
  const S defaults{};
  return ReferencePage(table.specs(), &defaults, header);
}

}  // namespace opssight
