#include "agent/config/labels_kind.h"

#include <utility>

#include "common/text/names.h"

namespace opssight {
namespace {

// A series has at most 64 labels (BatchLimits), and its own come on top.
constexpr std::size_t kLabelsMax = 24;

}  // namespace

void LabelsKind::Read(const ConfigNode& node, const std::string& path, void* value,
                      ConfigReading& reading) const {
  std::map<std::string, std::string> map;
  TextMapKind().Read(node, path, &map, reading);
  std::vector<Label> labels;
  for (auto& [name, text] : map) {
    if (!IsPlainLabelName(name) || name.starts_with("__")) {
      reading.problems.Add(node.origin, path,
                           fmt::format("\"{}\" is not a label's name ([a-zA-Z_][a-zA-Z0-9_]*, "
                                       "not beginning with __)",
                                       name));
      continue;
    }
    labels.push_back({.name = name, .value = std::move(text)});
  }
  if (labels.size() > kLabelsMax) {
    reading.problems.Add(
        node.origin, path,
        fmt::format("{} labels, at most {} can stand on every series", labels.size(), kLabelsMax));
    return;
  }
  *static_cast<std::vector<Label>*>(value) = std::move(labels);
}

ConfigNode LabelsKind::Write(const void* value) const {
  std::map<std::string, std::string> map;
  for (const Label& label : *static_cast<const std::vector<Label>*>(value)) {
    map.insert_or_assign(label.name, label.value);
  }
  return TextMapKind().Write(&map);
}

}  // namespace opssight
