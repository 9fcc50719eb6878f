// The processes that lead by CPU since the last round and by memory, as a row of its own:
// its series change often. Costs a file for each process of the host.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "agent/collect/host_files.h"
#include "common/model/frame.h"

namespace opssight {

struct ProcessStat {
  std::string key;  // pid:start time, which a reused pid does not share.
  std::string name;
  double cpu_s = 0;
  double rss_bytes = 0;
  double start_ticks = 0;  // Of 1/100 s since the boot.
  double cpu_since_s = 0;  // Since the last round; TopProcesses sets it.
};
// A /proc/<pid>/stat.
bool ParseProcessStat(std::string_view text, ProcessStat& out);

bool IsPid(std::string_view name);

class TopProcesses {
 public:
  explicit TopProcesses(std::size_t count) : count_(count) {}
  void Add(HostFiles& files, FrameBuilder& out);

 private:
  struct Seen {
    double cpu_s = 0;
    std::uint64_t round = 0;
  };
  const std::size_t count_;
  std::map<std::string, Seen> seen_;  // By ProcessStat's key.
  std::uint64_t round_ = 0;
};

}  // namespace opssight
