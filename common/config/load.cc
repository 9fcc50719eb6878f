#include "common/config/load.h"

#include <utility>

#include "common/config/merge.h"
#include "common/config/read_tree.h"

namespace opssight {
namespace {

// The files as one tree. The limit on values holds for all of them together.
ConfigNode MergeFiles(const ConfigSources& sources, const YamlLimits& limits,
                      ConfigProblems& problems) {
  ConfigNode merged;
  merged.kind = ConfigNode::Kind::kMap;
  std::size_t nodes = 0;
  for (const ConfigFile& file : sources.files) {
    ConfigNode node = ParseYaml(file.path, file.text, limits, problems);
    nodes += node.nodes;
    if (nodes > limits.nodes_max) {
      problems.Add(node.origin, "",
                   fmt::format("more than {} values in all files together", limits.nodes_max));
      break;
    }
    if (merged.origin.file == nullptr) merged.origin = node.origin;
    MergeInto(merged, std::move(node), "", problems);
  }
  return merged;
}

void ReadEnvironment(const OptionSpecs& specs, const ConfigEnvironment& environment, void* options,
                     ConfigReading& reading) {
  for (const OptionSpec& option : specs.options) {
    if (option.environment.empty()) continue;
    const std::optional<std::string> text = environment(option.environment);
    if (!text || text->empty()) continue;  // Compose files pass unset ones as "".
    ConfigNode node = option.kind->FromText(*text);
    node.origin.file = std::make_shared<const std::string>("environment " + option.environment);
    for (ConfigNode& item : node.items) item.origin = node.origin;
    ReadOption(option, node, option.key, options, reading);
  }
}

}  // namespace

void LoadInto(const OptionSpecs& specs, const ConfigSources& sources,
              const ConfigEnvironment& environment, const YamlLimits& limits, void* options,
              ConfigOrigins& origins, ConfigProblems& problems) {
  problems = sources.problems;
  const ConfigNode merged = MergeFiles(sources, limits, problems);
  ConfigReading reading{.problems = problems, .origins = origins};
  ReadTree(specs, merged, "", options, reading);
  if (environment) ReadEnvironment(specs, environment, options, reading);
  CheckWhole(specs, merged, "", options, reading);
  std::vector<std::string> order;
  for (const ConfigFile& file : sources.files) order.push_back(file.path);
  problems.Sort(order);
}

std::vector<ConfigChange> DiffOptions(const OptionSpecs& specs, const void* before,
                                      const void* after) {
  std::vector<ConfigChange> changes;
  for (const OptionSpec& option : specs.options) {
    const auto plain = [&option](const void* options) {
      return YamlValue(WriteOption(option, options, true), 2);
    };
    if (plain(before) == plain(after)) continue;
    const auto shown = [&option](const void* options) {
      std::string text = YamlValue(WriteOption(option, options), 2);
      return text.front() == ' ' ? text.substr(1) : text;
    };
    changes.push_back(
        {.key = option.key, .from = shown(before), .to = shown(after), .live = option.live});
  }
  return changes;
}

}  // namespace opssight
