#include "common/config/files.h"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "common/base/files.h"

namespace opssight {
namespace {

namespace fs = std::filesystem;

// Only regular files: to open a FIFO left in the folder would stop the start.
Result<std::string> ReadRegular(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  const bool other = fs::exists(status) && !fs::is_regular_file(status);
  if (other) return Invalid(fmt::format("{} is not a regular file", path));
  return ReadFile(path, YamlLimits{}.bytes_max);
}

void AddFile(const std::string& path, bool required, ConfigSources& sources) {
  Result<std::string> text = ReadRegular(path);
  if (text) {
    sources.files.push_back({.path = path, .text = *std::move(text)});
  } else if (required || text.error().code != ErrorCode::kNotFound) {
    sources.problems.Add({}, "", std::move(text).error().message);  // Names the path.
  }
}

std::vector<std::string> DropInsOf(const std::string& folder, ConfigSources& sources) {
  const ConfigOrigin origin{.file = std::make_shared<const std::string>(folder)};
  std::vector<std::string> paths;
  std::error_code error;
  fs::directory_iterator it(folder, error);
  if (error == std::errc::no_such_file_or_directory) return paths;
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    const fs::path& path = it->path();
    if (path.filename().string().starts_with('.')) continue;
    if (path.extension() == ".yaml") paths.push_back(path.string());
    if (path.extension() == ".yml") {
      sources.problems.Add({.file = std::make_shared<const std::string>(path.string())}, "",
                           "only *.yaml is read; name it so");
    }
  }
  if (error) sources.problems.Add(origin, "", "cannot be read: " + error.message());
  std::sort(paths.begin(), paths.end());
  if (paths.size() > kDropInsMax) {
    sources.problems.Add(
        origin, "", fmt::format("holds {} files; at most {} are read", paths.size(), kDropInsMax));
    paths.resize(kDropInsMax);
  }
  return paths;
}

}  // namespace

ConfigSources ReadConfigFiles(const std::string& main_path, const std::string& drop_in_dir,
                              bool main_required) {
  ConfigSources sources;
  AddFile(main_path, main_required, sources);
  if (!drop_in_dir.empty()) AddDropIns(drop_in_dir, sources);
  return sources;
}

void AddDropIns(const std::string& dir, ConfigSources& sources) {
  for (const std::string& path : DropInsOf(dir, sources)) AddFile(path, true, sources);
}

}  // namespace opssight
