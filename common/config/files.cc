#include "common/config/files.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace opssight {
namespace {

namespace fs = std::filesystem;

// What a file could not be read for; kNotFound where there is none.
Result<std::string> ReadFile(const std::string& path, std::size_t bytes_max) {
  // Not blocking: a FIFO in the folder must not stop the start.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    Error error = IoError("cannot be opened", errno);
    if (errno == ENOENT) error.code = ErrorCode::kNotFound;
    return error;
  }
  const auto close_it = [](const int* open_fd) { (void)close(*open_fd); };
  const std::unique_ptr<const int, decltype(close_it)> closer(&fd, close_it);
  struct stat status {};
  if (fstat(fd, &status) != 0) return IoError("cannot be read", errno);
  if (!S_ISREG(status.st_mode)) return Invalid("is not a regular file");
  std::string text;
  char buffer[64 * 1024];
  while (true) {
    const ssize_t count = read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return IoError("cannot be read", errno);
    if (count == 0) return text;
    text.append(buffer, static_cast<std::size_t>(count));
    if (text.size() > bytes_max) return text;  // The parser says that it is too large.
  }
}

void AddFile(const std::string& path, bool required, ConfigSources& sources) {
  Result<std::string> text = ReadFile(path, YamlLimits{}.bytes_max);
  if (text) {
    sources.files.push_back({.path = path, .text = *std::move(text)});
  } else if (required || text.error().code != ErrorCode::kNotFound) {
    sources.problems.Add({.file = std::make_shared<const std::string>(path)}, "",
                         std::move(text).error().message);
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
  if (drop_in_dir.empty()) return sources;
  for (const std::string& path : DropInsOf(drop_in_dir, sources)) AddFile(path, true, sources);
  return sources;
}

}  // namespace opssight
