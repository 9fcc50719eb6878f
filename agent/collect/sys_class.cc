#include "agent/collect/sys_class.h"

#include <array>
#include <set>
#include <string>
#include <utility>

#include "agent/collect/fields.h"
#include "common/text/number.h"

namespace opssight {
namespace {

constexpr MetricType kCounter = MetricType::kCounter;
constexpr MetricType kGauge = MetricType::kGauge;

std::string SlowText(HostFiles& files, std::string_view dir, std::string_view name) {
  const auto text = files.ReadSlow(dir, name);
  return text ? std::string(Trim(*text)) : std::string();
}

// "0x1003" and "1003".
bool AnyNumber(std::string_view text, double& value) {
  if (text.starts_with("0x")) return HexNumber(text.substr(2), value);
  return Number(text, value);
}

// Names in dir that start with prefix, with what follows it.
template <class Add>
void ForEachNumbered(HostFiles& files, std::string_view dir, std::string_view prefix, Add&& add) {
  std::string path;
  for (const std::string& name : files.ListSlow(dir)) {
    const std::string_view number = std::string_view(name).substr(0, prefix.size()) == prefix
                                        ? std::string_view(name).substr(prefix.size())
                                        : std::string_view();
    if (number.empty() || number.find_first_not_of("0123456789") != number.npos) continue;
    path.assign(dir).append(1, '/').append(name);
    add(path, number);
  }
}

struct NetFile {
  std::string_view file, name;
  MetricType type;
  bool slow;
};
constexpr std::array<NetFile, 15> kNetFiles = {{
    {"carrier", "node_network_carrier", kGauge, false},
    {"carrier_changes", "node_network_carrier_changes_total", kCounter, false},
    {"flags", "node_network_flags", kGauge, false},
    {"dormant", "node_network_dormant", kGauge, false},
    {"carrier_down_count", "node_network_carrier_down_changes_total", kCounter, true},
    {"carrier_up_count", "node_network_carrier_up_changes_total", kCounter, true},
    {"mtu", "node_network_mtu_bytes", kGauge, true},
    {"tx_queue_len", "node_network_transmit_queue_length", kGauge, true},
    {"addr_assign_type", "node_network_address_assign_type", kGauge, true},
    {"dev_id", "node_network_device_id", kGauge, true},
    {"ifindex", "node_network_iface_id", kGauge, true},
    {"iflink", "node_network_iface_link", kGauge, true},
    {"link_mode", "node_network_iface_link_mode", kGauge, true},
    {"name_assign_type", "node_network_name_assign_type", kGauge, true},
    {"netdev_group", "node_network_net_dev_group", kGauge, true},
}};

void AddNetDevice(HostFiles& files, const std::string& dir, std::string_view device,
                  FrameBuilder& out) {
  double value = 0;
  bool up = false, admin_up = false;
  std::string state;
  if (const auto text = files.Read(dir, "operstate")) state = Trim(*text);
  for (const NetFile& file : kNetFiles) {
    const auto text = file.slow ? files.ReadSlow(dir, file.file) : files.Read(dir, file.file);
    if (!text || !AnyNumber(Trim(*text), value)) continue;  // A device that is down has no carrier.
    out.Add(file.name, {{"device", device}}, file.type, value);
    if (file.file == "flags") admin_up = (static_cast<std::uint64_t>(value) & 1U) != 0;
  }
  up = state == "up";
  out.Add("node_network_up", {{"device", device}}, kGauge, up ? 1 : 0);
  if (files.ReadSlowNumber(dir, "type", value)) {
    out.Add("node_network_protocol_type", {{"device", device}}, kGauge, value);
  }
  if (files.ReadSlowNumber(dir, "speed", value)) {  // Mbit/s; -1: not known.
    out.Add("node_network_speed_bytes", {{"device", device}}, kGauge, value * 1e6 / 8);
  }
  out.Add("node_network_info",
          {{"address", SlowText(files, dir, "address")},
           {"adminstate", admin_up ? "up" : "down"},
           {"broadcast", SlowText(files, dir, "broadcast")},
           {"device", device},
           {"duplex", SlowText(files, dir, "duplex")},
           {"ifalias", SlowText(files, dir, "ifalias")},
           {"operstate", state}},
          kGauge, 1);
}

}  // namespace

void AddNetClass(HostFiles& files, FrameBuilder& out) {
  constexpr std::string_view kDir = "/sys/class/net";
  std::string dir;
  for (const std::string& device : files.List(kDir)) {
    dir.assign(kDir).append(1, '/').append(device);
    if (!files.ReadSlow(dir, "ifindex")) continue;  // bonding_masters is no device.
    AddNetDevice(files, dir, device, out);
  }
}

void AddCpuFrequency(HostFiles& files, FrameBuilder& out) {
  struct File {
    std::string_view file, name;
    bool slow;
  };
  static constexpr std::array<File, 6> kFiles = {{
      {"cpuinfo_cur_freq", "node_cpu_frequency_hertz", false},
      {"cpuinfo_max_freq", "node_cpu_frequency_max_hertz", true},
      {"cpuinfo_min_freq", "node_cpu_frequency_min_hertz", true},
      {"scaling_cur_freq", "node_cpu_scaling_frequency_hertz", false},
      {"scaling_max_freq", "node_cpu_scaling_frequency_max_hertz", true},
      {"scaling_min_freq", "node_cpu_scaling_frequency_min_hertz", true},
  }};
  constexpr double kKilo = 1000;
  std::string dir;
  ForEachNumbered(files, "/sys/devices/system/cpu", "cpu",
                  [&](const std::string& path, std::string_view cpu) {
                    dir.assign(path).append("/cpufreq");
                    double value = 0;
                    for (const File& file : kFiles) {
                      if (file.slow ? files.ReadSlowNumber(dir, file.file, value)
                                    : files.ReadNumber(dir, file.file, value)) {
                        out.Add(file.name, {{"cpu", cpu}}, kGauge, value * kKilo);
                      }
                    }
                  });
}

void AddCpuThrottles(HostFiles& files, FrameBuilder& out) {
  std::set<std::pair<std::string, std::string>> cores;  // Threads of one core say the same.
  std::set<std::string> packages;
  ForEachNumbered(
      files, "/sys/devices/system/cpu", "cpu", [&](const std::string& path, std::string_view) {
        double value = 0;
        if (!files.ReadNumber(path, "thermal_throttle/core_throttle_count", value)) return;
        const std::string package = SlowText(files, path, "topology/physical_package_id");
        const std::string core = SlowText(files, path, "topology/core_id");
        if (cores.emplace(package, core).second) {
          out.Add("node_cpu_core_throttles_total", {{"core", core}, {"package", package}}, kCounter,
                  value);
        }
        if (packages.insert(package).second &&
            files.ReadNumber(path, "thermal_throttle/package_throttle_count", value)) {
          out.Add("node_cpu_package_throttles_total", {{"package", package}}, kCounter, value);
        }
      });
}

void AddThermal(HostFiles& files, FrameBuilder& out) {
  constexpr std::string_view kDir = "/sys/class/thermal";
  constexpr double kMilli = 1e-3;
  double value = 0;
  ForEachNumbered(files, kDir, "thermal_zone", [&](const std::string& path, std::string_view zone) {
    if (!files.ReadNumber(path, "temp", value)) return;
    out.Add("node_thermal_zone_temp", {{"type", SlowText(files, path, "type")}, {"zone", zone}},
            kGauge, Scaled(value, kMilli));
  });
  ForEachNumbered(
      files, kDir, "cooling_device", [&](const std::string& path, std::string_view name) {
        const std::string type = SlowText(files, path, "type");
        if (files.ReadNumber(path, "cur_state", value)) {
          out.Add("node_cooling_device_cur_state", {{"name", name}, {"type", type}}, kGauge, value);
        }
        if (files.ReadSlowNumber(path, "max_state", value)) {
          out.Add("node_cooling_device_max_state", {{"name", name}, {"type", type}}, kGauge, value);
        }
      });
}

namespace {

void AddEdacRow(HostFiles& files, const std::string& path, std::string_view controller,
                std::string_view row, std::string_view correctable, std::string_view uncorrectable,
                FrameBuilder& out) {
  double value = 0;
  if (files.ReadNumber(path, correctable, value)) {
    out.Add("node_edac_csrow_correctable_errors_total",
            {{"controller", controller}, {"csrow", row}}, kCounter, value);
  }
  if (files.ReadNumber(path, uncorrectable, value)) {
    out.Add("node_edac_csrow_uncorrectable_errors_total",
            {{"controller", controller}, {"csrow", row}}, kCounter, value);
  }
}

}  // namespace

void AddEdac(HostFiles& files, FrameBuilder& out) {
  ForEachNumbered(
      files, "/sys/devices/system/edac/mc", "mc",
      [&](const std::string& path, std::string_view controller) {
        double value = 0;
        if (files.ReadNumber(path, "ce_count", value)) {
          out.Add("node_edac_correctable_errors_total", {{"controller", controller}}, kCounter,
                  value);
        }
        if (files.ReadNumber(path, "ue_count", value)) {
          out.Add("node_edac_uncorrectable_errors_total", {{"controller", controller}}, kCounter,
                  value);
        }
        AddEdacRow(files, path, controller, "unknown", "ce_noinfo_count", "ue_noinfo_count", out);
        ForEachNumbered(files, path, "csrow",
                        [&](const std::string& row_path, std::string_view row) {
                          AddEdacRow(files, row_path, controller, row, "ce_count", "ue_count", out);
                        });
      });
}

void AddClockSources(HostFiles& files, FrameBuilder& out) {
  ForEachNumbered(files, "/sys/devices/system/clocksource", "clocksource",
                  [&](const std::string& path, std::string_view device) {
                    if (const auto text = files.ReadSlow(path, "available_clocksource")) {
                      const Fields fields(Trim(*text));
                      for (std::size_t i = 0; i < fields.size(); ++i) {
                        out.Add("node_time_clocksource_available_info",
                                {{"clocksource", fields[i]}, {"device", device}}, kGauge, 1);
                      }
                    }
                    if (const auto text = files.ReadSlow(path, "current_clocksource")) {
                      out.Add("node_time_clocksource_current_info",
                              {{"clocksource", Trim(*text)}, {"device", device}}, kGauge, 1);
                    }
                  });
}

void AddDmi(HostFiles& files, FrameBuilder& out) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 16> kFiles = {{
      {"bios_date", "bios_date"},
      {"bios_release", "bios_release"},
      {"bios_vendor", "bios_vendor"},
      {"bios_version", "bios_version"},
      {"board_asset_tag", "board_asset_tag"},
      {"board_name", "board_name"},
      {"board_vendor", "board_vendor"},
      {"board_version", "board_version"},
      {"chassis_asset_tag", "chassis_asset_tag"},
      {"chassis_vendor", "chassis_vendor"},
      {"chassis_version", "chassis_version"},
      {"product_family", "product_family"},
      {"product_name", "product_name"},
      {"product_sku", "product_sku"},
      {"product_version", "product_version"},
      {"system_vendor", "sys_vendor"},
  }};
  constexpr std::string_view kDir = "/sys/class/dmi/id";
  std::array<std::string_view, kFiles.size()> values;
  std::array<LabelView, kFiles.size()> labels;
  bool some = false;
  for (std::size_t i = 0; i < kFiles.size(); ++i) {
    const auto text = files.ReadSlow(kDir, kFiles[i].second);
    if (text) values[i] = Trim(*text);
    some = some || text.has_value();
    labels[i] = {kFiles[i].first, values[i]};
  }
  if (some) out.Add("node_dmi_info", labels, kGauge, 1);
}

}  // namespace opssight
