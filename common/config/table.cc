#include "common/config/table.h"

#include <set>

#include "common/config/merge.h"
#include "common/config/read_tree.h"

namespace opssight {

void OptionSpecs::Add(const std::string& prefix, const OptionSpecs& part,
                      const std::function<void*(void*)>& at) {
  for (const Part& section : part.sections) {
    sections.push_back({.key = JoinKey(prefix, section.key), .help = section.help});
  }
  for (OptionSpec option : part.options) {
    option.key = JoinKey(prefix, option.key);
    option.at = [outer = at, inner = option.at](void* whole) { return inner(outer(whole)); };
    options.push_back(std::move(option));
  }
  for (const Part& key : part.refused) {
    refused.push_back({.key = JoinKey(prefix, key.key), .help = key.help});
  }
  for (const Check& check : part.checks) {
    checks.push_back([prefix, at, check](const void* whole, const ConfigReport& report) {
      check(at(const_cast<void*>(whole)),
            [&prefix, &report](std::string_view key, std::string what) {
              report(JoinKey(prefix, std::string(key)), std::move(what));
            });
    });
  }
}

bool StructsKind::ReadStruct(const ConfigNode& node, const std::string& path, void* options,
                             ConfigReading& reading) const {
  if (!ExpectKind(node, ConfigNode::Kind::kMap, path, reading)) return false;
  ReadTree(specs_, node, path, options, reading);
  CheckWhole(specs_, node, path, options, reading);
  return true;
}

ConfigNode StructsKind::WriteStruct(const void* options, bool reveal) const {
  return WriteTree(specs_, options, reveal);
}

void ExpectUniqueNames(const ConfigNode& list, const std::string& path, ConfigReading& reading) {
  std::set<std::string> seen;
  for (const ConfigNode& item : list.items) {
    std::string name = NameOf(item);
    if (name.empty() || seen.insert(name).second) continue;
    reading.problems.Add(item.origin, path, fmt::format("the name \"{}\" stands twice", name));
  }
}

std::string StructPath(const std::string& path, const ConfigNode& list, std::size_t index) {
  return ItemPath(path, list.items[index], index);
}

}  // namespace opssight
