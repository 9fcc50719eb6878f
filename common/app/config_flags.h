// The flags about configuration that both programs share, and what they do.
#pragma once

#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>

#include "common/config/files.h"
#include "common/config/load.h"
#include "common/config/print.h"

namespace opssight {

struct ConfigFlags {
  std::string file;         // --config
  bool file_given = false;  // Else a missing file means: all defaults.
  std::string dir;          // --config-dir; "": file with ".d" in place of ".yaml".
  std::string more_dir;     // A second such folder, read last; "": none.
  bool check = false;       // --check-config
  bool print = false;       // --print-config

  std::string DropIns() const {
    if (!dir.empty()) return dir;
    return file.substr(0, file.rfind(".yaml")) + ".d";
  }
};

inline std::optional<std::string> ProcessEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nobody sets it
  if (value == nullptr) return std::nullopt;
  return value;
}

// All problems, a line each, without the last line's end.
inline std::string ProblemsText(const ConfigProblems& problems) {
  std::string text = problems.ToString();
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

// The whole configuration with all its problems; from the files as they are now.
template <class S>
LoadedConfig<S> LoadConfigFiles(const OptionTable<S>& table, const ConfigFlags& flags) {
  ConfigSources sources = ReadConfigFiles(flags.file, flags.DropIns(), flags.file_given);
  if (!flags.more_dir.empty()) AddDropIns(flags.more_dir, sources);
  return LoadConfig(table, sources, &ProcessEnvironment);
}

// Does what --check-config and --print-config ask for and gives the exit status; none
// where the program is to run. Problems go to stderr, all of them, and end it with 2.
template <class S>
std::optional<int> AnswerConfigFlags(const OptionTable<S>& table, const ConfigFlags& flags,
                                     const LoadedConfig<S>& loaded) {
  if (!loaded.ok()) {
    std::cerr << loaded.problems.ToString();
    return 2;
  }
  if (flags.print) std::cout << PrintConfig(table, loaded.options, loaded.origins);
  if (flags.check) std::cout << flags.file << ": ok\n";
  if (flags.print || flags.check) return 0;
  return std::nullopt;
}

}  // namespace opssight
