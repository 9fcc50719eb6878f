#include "aggregator/promql/engine/label_ops.h"

#include <utility>
#include <vector>

namespace opssight::promql {

namespace {

// Calls take for each label with whether its name is among names.
template <class Take>
void Walk(const Labels& labels, std::span<const std::string> names, const Take& take) {
  auto name = names.begin();
  for (const Label& label : labels) {
    while (name != names.end() && *name < label.name) ++name;
    take(label, name != names.end() && *name == label.name);
  }
}

Labels Filtered(const Labels& labels, std::span<const std::string> names, bool keep) {
  std::vector<Label> kept;
  kept.reserve(labels.size());
  Walk(labels, names, [&](const Label& label, bool named) {
    if (named == keep) kept.push_back(label);
  });
  return Labels(std::move(kept));
}

void AppendKey(const Labels& labels, std::span<const std::string> names, bool keep,
               std::string& key) {
  Walk(labels, names, [&](const Label& label, bool named) {
    if (named == keep) AppendLabelKey(label.name, label.value, key);
  });
}

}  // namespace

Labels KeepLabels(const Labels& labels, std::span<const std::string> names) {
  return Filtered(labels, names, true);
}

Labels DropLabels(const Labels& labels, std::span<const std::string> names) {
  return Filtered(labels, names, false);
}

Labels WithLabel(const Labels& labels, std::string_view name, std::string_view value) {
  std::vector<Label> all;
  all.reserve(labels.size() + 1);
  for (const Label& label : labels) {
    if (label.name != name) all.push_back(label);
  }
  all.push_back({.name = std::string(name), .value = std::string(value)});
  return Labels(std::move(all));
}

void AppendKeptKey(const Labels& labels, std::span<const std::string> names, std::string& key) {
  AppendKey(labels, names, true, key);
}

void AppendDroppedKey(const Labels& labels, std::span<const std::string> names, std::string& key) {
  AppendKey(labels, names, false, key);
}

}  // namespace opssight::promql
