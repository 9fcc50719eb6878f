#include "agent/collect/hwmon.h"

#include <array>
#include <filesystem>
#include <system_error>

#include "agent/collect/fields.h"

namespace opssight {
namespace {

struct Kind {
  std::string_view prefix, unit;
  double scale;
};
constexpr double kMilli = 1e-3;
constexpr double kMicro = 1e-6;
constexpr std::array<Kind, 8> kKinds = {{
    {"temp", "_celsius", kMilli},
    {"fan", "_rpm", 1},
    {"in", "_volts", kMilli},
    {"curr", "_amps", kMilli},
    {"power", "_watt", kMicro},
    {"energy", "_joule_total", kMicro},
    {"humidity", "", kMilli},
    {"pwm", "", 1},
}};

// The chip's own device tells chips of one make apart: "platform_coretemp_0".
std::string ChipLabel(const HostFiles& files, const std::string& dir, std::string_view name) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path device = fs::canonical(files.Path(dir + "/device"), error);
  if (!error) {
    const std::string own = CleanHwmonName(device.filename().string());
    const std::string bus = CleanHwmonName(device.parent_path().filename().string());
    if (!own.empty()) return bus.empty() ? own : bus + "_" + own;
  }
  if (!name.empty()) return CleanHwmonName(name);
  return CleanHwmonName(dir.substr(dir.rfind('/') + 1));
}

}  // namespace

std::string CleanHwmonName(std::string_view text) {
  std::string out;
  for (const char c : Trim(text)) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool kept = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') ||
                      lower == ':' || lower == '_';
    out += kept ? lower : '_';
  }
  const std::size_t from = out.find_first_not_of('_');
  if (from == std::string::npos) return {};
  return out.substr(from, out.find_last_not_of('_') - from + 1);
}

std::optional<HwmonFile> ParseHwmonName(std::string_view file) {
  for (const Kind& kind : kKinds) {
    if (!file.starts_with(kind.prefix)) continue;
    std::size_t end = kind.prefix.size();
    while (end < file.size() && file[end] >= '0' && file[end] <= '9') ++end;
    const bool plain = end == file.size();  // "pwm1"; others have a property.
    if (end == kind.prefix.size() || (plain ? kind.prefix != "pwm" : file[end] != '_')) continue;
    const std::string_view property = plain ? "input" : file.substr(end + 1);
    HwmonFile out{.sensor = std::string(file.substr(0, end)),
                  .scale = kind.scale,
                  .slow = property != "input" && property != "average" &&
                          property.find("alarm") == property.npos};
    if (property == "label") return out;
    if (property == "type" || property == "enable" || property == "mode") return std::nullopt;
    out.metric.assign("node_hwmon_").append(kind.prefix);
    if (property != "input") out.metric.append("_").append(property);
    out.metric.append(kind.unit);
    if (kind.prefix == "energy") out.type = MetricType::kCounter;
    return out;
  }
  return std::nullopt;
}

void Hwmon::Scan(HostFiles& files) {
  constexpr std::string_view kDir = "/sys/class/hwmon";
  chips_.clear();
  sensors_.clear();
  for (const std::string& entry : files.List(kDir)) {
    const std::string dir = std::string(kDir) + "/" + entry;
    const auto name = files.ReadOnce(dir, "name");
    Chip chip{.dir = dir, .name = std::string(name ? Trim(*name) : std::string_view())};
    chip.label = ChipLabel(files, dir, chip.name);
    for (const std::string& file : files.List(dir)) {
      if (auto what = ParseHwmonName(file)) {
        sensors_.push_back(
            {.dir = dir, .chip = chip.label, .file = file, .what = *std::move(what)});
      }
    }
    chips_.push_back(std::move(chip));
  }
}

void Hwmon::Add(HostFiles& files, FrameBuilder& out) {
  if (round_++ % kScanRounds == 0) Scan(files);
  for (const Chip& chip : chips_) {
    if (chip.name.empty()) continue;
    out.Add("node_hwmon_chip_names",
            {{"chip", chip.label}, {"chip_name", CleanHwmonName(chip.name)}}, MetricType::kGauge,
            1);
  }
  for (const Sensor& sensor : sensors_) {
    if (sensor.what.metric.empty()) {
      const auto text = files.ReadSlow(sensor.dir, sensor.file);
      if (!text) continue;
      out.Add("node_hwmon_sensor_label",
              {{"chip", sensor.chip}, {"label", Trim(*text)}, {"sensor", sensor.what.sensor}},
              MetricType::kGauge, 1);
      continue;
    }
    double value = 0;
    const bool there = sensor.what.slow ? files.ReadSlowNumber(sensor.dir, sensor.file, value)
                                        : files.ReadNumber(sensor.dir, sensor.file, value);
    if (!there) continue;
    out.Add(sensor.what.metric, {{"chip", sensor.chip}, {"sensor", sensor.what.sensor}},
            sensor.what.type, Scaled(value, sensor.what.scale));
  }
}

}  // namespace opssight
