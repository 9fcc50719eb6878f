// What the status endpoints tell of the program. Values are set at the start; functions are
// called on any thread and may be empty.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace opssight {

// A file of metrics, as Prometheus tells a block.
struct StoredDayFacts {
  std::int64_t from_ms = 0;  // Its samples are in [from_ms, to_ms).
  std::int64_t to_ms = 0;
  std::uint64_t bytes = 0;
  std::uint64_t generation = 0;  // How often its blocks were merged; the numbers are of then.
  std::uint64_t series = 0;
  std::uint64_t samples = 0;
  std::uint64_t histograms = 0;
};

struct WalReplay {
  std::uint64_t entries = 0;  // To be read back at the start,
  std::uint64_t done = 0;     // and of these those that were.
};

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
  std::function<std::int64_t()> reload_ms;            // When it was last tried to read it.
  std::function<std::string()> own_metrics;           // As /metrics shows them.
  std::function<std::vector<StoredDayFacts>()> days;  // Ascending.
  std::function<WalReplay()> wal_replay;              // Also before queries are answered.
};

}  // namespace opssight
