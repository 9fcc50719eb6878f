#include "common/config/merge.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/core.h>

namespace opssight {
namespace {

std::string_view ShapeOf(const ConfigNode& node) {
  switch (node.kind) {
    case ConfigNode::Kind::kNull:
      return "nothing";
    case ConfigNode::Kind::kText:
      return "a single value";
    case ConfigNode::Kind::kList:
      return "a list";
    case ConfigNode::Kind::kMap:
      return "a map";
  }
  return "nothing";
}

template <class Name>
std::map<std::string, std::size_t> IndexBy(const ConfigNode& node, const Name& name) {
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < node.items.size(); ++i) index.emplace(name(node, i), i);
  return index;
}

void MergeMaps(ConfigNode& base, ConfigNode over, const std::string& path,
               ConfigProblems& problems) {
  auto index = IndexBy(base, [](const ConfigNode& node, std::size_t i) { return node.keys[i]; });
  for (std::size_t i = 0; i < over.items.size(); ++i) {
    const auto [it, added] = index.emplace(over.keys[i], base.items.size());
    if (added) {
      base.Append(std::move(over.keys[i]), std::move(over.items[i]));
    } else {
      MergeInto(base.items[it->second], std::move(over.items[i]), JoinKey(path, over.keys[i]),
                problems);
    }
  }
}

void MergeLists(ConfigNode& base, ConfigNode over, const std::string& path,
                ConfigProblems& problems) {
  const auto index =
      IndexBy(base, [](const ConfigNode& node, std::size_t i) { return NameOf(node.items[i]); });
  for (ConfigNode& item : over.items) {
    const std::string name = NameOf(item);
    const auto it = name.empty() ? index.end() : index.find(name);
    if (it == index.end()) {
      base.Append(std::move(item));
    } else {
      MergeInto(base.items[it->second], std::move(item), fmt::format("{}[{}]", path, name),
                problems);
    }
  }
}

}  // namespace

std::string JoinKey(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

std::string NameOf(const ConfigNode& item) {
  const ConfigNode* name = item.is_map() ? item.Find("name") : nullptr;
  return name != nullptr && name->is_text() ? name->text : "";
}

std::string ItemPath(const std::string& path, const ConfigNode& item, std::size_t index) {
  const std::string name = NameOf(item);
  return name.empty() ? fmt::format("{}[{}]", path, index) : fmt::format("{}[{}]", path, name);
}

void MergeInto(ConfigNode& base, ConfigNode over, const std::string& path,
               ConfigProblems& problems) {
  if (over.is_null() && base.is_map()) return;
  if (over.is_null() || base.is_null() || (over.is_text() && base.is_text())) {
    base = std::move(over);
  } else if (base.is_map() && over.is_map()) {
    MergeMaps(base, std::move(over), path, problems);
  } else if (base.is_list() && over.is_list()) {
    base.origin = over.origin;  // The last to add is where to look first.
    MergeLists(base, std::move(over), path, problems);
  } else {
    problems.Add(
        over.origin, path,
        fmt::format("{} here, but {} at {}", ShapeOf(over), ShapeOf(base), base.origin.ToString()));
  }
}

}  // namespace opssight
