// What the status endpoints tell of the program. Values are set at the start; functions are
// called on any thread and may be empty.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace opssight {

struct ServerInfo {
  std::string version;   // Ours.
  std::string revision;  // Of the source.
  std::string hostname;
  std::string working_dir;
  std::int64_t start_ms = 0;
  std::string retention;                     // "30d"
  std::map<std::string, std::string> flags;  // As Prometheus names them.
  std::function<std::string()> config_yaml;  // In effect, secrets masked.
  std::function<bool()> reload_ok;           // Of the last one.
  std::function<std::int64_t()> config_ms;   // When it was read.
  std::function<std::uint64_t()> corruptions;
};

}  // namespace opssight
