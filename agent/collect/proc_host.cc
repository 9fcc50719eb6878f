#include "agent/collect/proc_host.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "agent/collect/fields.h"
#include "agent/collect/proc_kernel.h"

namespace opssight {
namespace {

constexpr MetricType kCounter = MetricType::kCounter;
constexpr MetricType kGauge = MetricType::kGauge;

// A value of os-release(5): as a shell reads it, quotes and backslashes off.
std::string Unquoted(std::string_view text) {
  const bool quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                      text.back() == text.front();
  const bool single = quoted && text.front() == '\'';
  if (quoted) text = text.substr(1, text.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && !single && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

}  // namespace

void AddTimex(const timex& clock, int state, FrameBuilder& out) {
  const auto gauge = [&](std::string_view name, double value) { out.Add(name, {}, kGauge, value); };
  const auto count = [&](std::string_view name, auto value) {
    out.Add(name, {}, kCounter, static_cast<double>(value));
  };
  constexpr double kMicro = 1e-6;
  constexpr double kScaledPpm = 65536.0 * 1e6;  // Frequencies are in ppm, 16 bits behind the point.
  const double unit = (clock.status & STA_NANO) != 0 ? 1e-9 : kMicro;
  gauge("node_timex_sync_status", state == TIME_ERROR ? 0 : 1);
  gauge("node_timex_offset_seconds", Scaled(static_cast<double>(clock.offset), unit));
  gauge("node_timex_frequency_adjustment_ratio", 1 + static_cast<double>(clock.freq) / kScaledPpm);
  gauge("node_timex_maxerror_seconds", Scaled(static_cast<double>(clock.maxerror), kMicro));
  gauge("node_timex_estimated_error_seconds", Scaled(static_cast<double>(clock.esterror), kMicro));
  gauge("node_timex_status", clock.status);
  gauge("node_timex_loop_time_constant", static_cast<double>(clock.constant));
  gauge("node_timex_tick_seconds", Scaled(static_cast<double>(clock.tick), kMicro));
  gauge("node_timex_pps_frequency_hertz", static_cast<double>(clock.ppsfreq) / kScaledPpm);
  gauge("node_timex_pps_jitter_seconds", Scaled(static_cast<double>(clock.jitter), unit));
  gauge("node_timex_pps_shift_seconds", clock.shift);
  gauge("node_timex_pps_stability_hertz", static_cast<double>(clock.stabil) / kScaledPpm);
  count("node_timex_pps_jitter_total", clock.jitcnt);
  count("node_timex_pps_calibration_total", clock.calcnt);
  count("node_timex_pps_error_total", clock.errcnt);
  count("node_timex_pps_stability_exceeded_total", clock.stbcnt);
  gauge("node_timex_tai_offset_seconds", clock.tai);
}

void AddUname(const utsname& name, std::string_view nodename, FrameBuilder& out) {
  out.Add("node_uname_info",
          {{"domainname", name.domainname},
           {"machine", name.machine},
           {"nodename", nodename},
           {"release", name.release},
           {"sysname", name.sysname},
           {"version", name.version}},
          kGauge, 1);
}

Status AddOsRelease(std::string_view text, FrameBuilder& out) {
  struct Key {
    std::string_view label, key;
  };
  static constexpr std::array<Key, 12> kKeys = {{
      {"build_id", "BUILD_ID"},
      {"id", "ID"},
      {"id_like", "ID_LIKE"},
      {"image_id", "IMAGE_ID"},
      {"image_version", "IMAGE_VERSION"},
      {"name", "NAME"},
      {"pretty_name", "PRETTY_NAME"},
      {"variant", "VARIANT"},
      {"variant_id", "VARIANT_ID"},
      {"version", "VERSION"},
      {"version_codename", "VERSION_CODENAME"},
      {"version_id", "VERSION_ID"},
  }};
  std::array<std::string, kKeys.size()> values;
  std::size_t lines = 0;
  for (std::string_view line; NextLine(text, line);) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || line.starts_with('#')) continue;
    const auto key = std::find_if(kKeys.begin(), kKeys.end(), [&](const Key& known) {
      return known.key == Trim(line.substr(0, equals));
    });
    if (key == kKeys.end()) continue;
    ++lines;
    values[static_cast<std::size_t>(key - kKeys.begin())] = Unquoted(Trim(line.substr(equals + 1)));
  }
  OPS_RETURN_IF_ERROR(Understood(lines, "os-release"));
  std::array<LabelView, kKeys.size()> labels;
  for (std::size_t i = 0; i < kKeys.size(); ++i) labels[i] = {kKeys[i].label, values[i]};
  out.Add("node_os_info", labels, kGauge, 1);
  // VERSION_ID as far as it is a number: 22.04, or 15.4 of 15.4.1.
  std::string_view version = values[11];
  std::size_t end = 0, dots = 0;
  while (end < version.size() &&
         ((version[end] >= '0' && version[end] <= '9') || (version[end] == '.' && dots++ == 0))) {
    ++end;
  }
  version = version.substr(0, end);
  if (version.ends_with('.')) version.remove_suffix(1);
  double number = 0;
  if (Number(version, number)) {
    out.Add("node_os_version", {{"id", values[1]}, {"id_like", values[2]}, {"name", values[5]}},
            kGauge, number);
  }
  return {};
}

}  // namespace opssight
