// Files to an options struct. Reading is apart from parsing: ReadConfigFiles
// (files.h) brings the texts, LoadConfig makes them one struct, with every problem
// found and the place where each value was set.
//
//   ConfigSources sources = ReadConfigFiles("/etc/opssight/agent.yaml", "/etc/opssight/agent.d");
//   LoadedConfig<AgentConfig> loaded = LoadConfig(AgentTable(), sources, environment);
//   if (!loaded.ok()) { print loaded.problems.ToString(); exit 2; }
//
// The environment comes last: a variable that a table names and that is not empty
// overrides the files. Pure: no file, no getenv, no log. Any text is safe.
// For a reload: load the whole set anew, keep the old on any problem, and let
// DiffConfig say what changed.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/table.h"
#include "common/config/yaml.h"

namespace opssight {

struct ConfigFile {
  std::string path;
  std::string text;
};

struct ConfigSources {
  std::vector<ConfigFile> files;  // In the order they are merged.
  ConfigProblems problems;        // Files that could not be read.
};

// The value of an environment variable, or none.
using ConfigEnvironment = std::function<std::optional<std::string>(const std::string& name)>;

// By dotted key: where each value that is not a default was set.
using ConfigOrigins = std::map<std::string, ConfigOrigin>;

template <class S>
struct LoadedConfig {
  S options{};
  ConfigOrigins origins;
  ConfigProblems problems;
  bool ok() const { return problems.empty(); }
};

// What a reload changes, by setting.
struct ConfigChange {
  std::string key;
  std::string from;  // As YAML; secrets "<secret>".
  std::string to;
  bool live = false;  // False: takes effect at the next start.
};

void LoadInto(const OptionSpecs& specs, const ConfigSources& sources,
              const ConfigEnvironment& environment, const YamlLimits& limits, void* options,
              ConfigOrigins& origins, ConfigProblems& problems);
std::vector<ConfigChange> DiffOptions(const OptionSpecs& specs, const void* before,
                                      const void* after);

template <class S>
LoadedConfig<S> LoadConfig(const OptionTable<S>& table, const ConfigSources& sources,
                           const ConfigEnvironment& environment, const YamlLimits& limits = {}) {
  LoadedConfig<S> loaded;
  LoadInto(table.specs(), sources, environment, limits, &loaded.options, loaded.origins,
           loaded.problems);
  return loaded;
}

template <class S>
std::vector<ConfigChange> DiffConfig(const OptionTable<S>& table, const S& before, const S& after) {
  return DiffOptions(table.specs(), &before, &after);
}

}  // namespace opssight
