// Sensors of /sys/class/hwmon under node_exporter's names: temperatures, fans, voltages,
// currents, power. Chips and their files are looked for at every kScanRounds-th round.
// Format: the kernel's Documentation/hwmon/sysfs-interface.rst.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collect/host_files.h"
#include "common/model/frame.h"

namespace opssight {

// What a file of a chip's folder is: "temp1_crit" is property "crit" of sensor "temp1".
struct HwmonFile {
  std::string sensor;  // "temp1".
  std::string metric;  // "node_hwmon_temp_crit_celsius"; "": the sensor's label.
  double scale = 1;
  MetricType type = MetricType::kGauge;
  bool slow = false;  // A limit, which hardly changes.
};
std::optional<HwmonFile> ParseHwmonName(std::string_view file);
// Lower case, with '_' for what a label of node_exporter has not, none at the ends.
std::string CleanHwmonName(std::string_view text);

class Hwmon {
 public:
  static constexpr std::uint64_t kScanRounds = 30;

  void Add(HostFiles& files, FrameBuilder& out);

 private:
  struct Sensor {
    std::string dir;
    std::string chip;
    std::string file;
    HwmonFile what;
  };
  struct Chip {
    std::string dir;
    std::string label;
    std::string name;
  };
  void Scan(HostFiles& files);

  std::uint64_t round_ = 0;
  std::vector<Chip> chips_;
  std::vector<Sensor> sensors_;
};

}  // namespace opssight
