// Files of a control group to samples under cAdvisor's names (container_*), v1 and v2.
// Each function takes the text of one file; what is not known in it is skipped.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/model/frame.h"

namespace opssight {

// "254:0" to "/dev/vda", from /proc/diskstats.
class DeviceNames {
 public:
  void Set(std::string_view diskstats);
  // numbers itself where the device is not known.
  std::string_view Of(std::string_view numbers) const;

 private:
  std::vector<std::pair<std::string, std::string>> names_;
};

// v2
void AddCpuStatV2(std::string_view text, FrameBuilder& out);     // cpu.stat
void AddMemoryStatV2(std::string_view text, FrameBuilder& out);  // memory.stat
void AddMemoryEvents(std::string_view text, FrameBuilder& out);  // memory.events
void AddIoStat(std::string_view text, const DeviceNames& devices, FrameBuilder& out);
void AddCgroupPressure(std::string_view resource, std::string_view text, FrameBuilder& out);
void AddCpuMax(std::string_view text, FrameBuilder& out);     // cpu.max
void AddCpuWeight(std::string_view text, FrameBuilder& out);  // cpu.weight, as v1 shares.

// v1
void AddCpuacctStat(std::string_view text, FrameBuilder& out);   // cpuacct.stat
void AddCpuStatV1(std::string_view text, FrameBuilder& out);     // cpu.stat
void AddMemoryStatV1(std::string_view text, FrameBuilder& out);  // memory.stat
void AddOomControl(std::string_view text, FrameBuilder& out);    // memory.oom_control
// blkio.throttle.io_service_bytes and io_serviced.
void AddBlkio(std::string_view text, std::string_view reads, std::string_view writes,
              const DeviceNames& devices, FrameBuilder& out);

// A number alone in a file; none for "max", which is no limit.
std::optional<double> SingleNumber(std::string_view text);
// The value at key in "key value" lines, or 0.
double KeyedNumber(std::string_view text, std::string_view key);

}  // namespace opssight
