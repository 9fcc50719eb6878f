// Kernel texts to samples: processors, memory, pressure, counters of the kernel itself.
// Each function takes the text of one file and adds its samples to a frame. Names are
// node_exporter's, so that public dashboards work unchanged, and beside them the
// product's own (system_*). A line that is not understood is skipped; a text without any
// line that is, is kInvalid. No file, no clock. Format of each: proc(5).
#pragma once

#include <string_view>

#include "common/base/result.h"
#include "common/model/frame.h"

namespace opssight {

// Remembers the last round's CPU times, for the ready-made percentage.
struct CpuUsage {
  double busy_s = 0;
  double total_s = 0;
};

Status AddStat(std::string_view text, CpuUsage& last, FrameBuilder& out);  // /proc/stat
Status AddLoadavg(std::string_view text, FrameBuilder& out);
Status AddUptime(std::string_view text, FrameBuilder& out);
Status AddSchedstat(std::string_view text, FrameBuilder& out);
Status AddMeminfo(std::string_view text, FrameBuilder& out);
Status AddVmstat(std::string_view text, FrameBuilder& out);
// /proc/pressure/<resource>.
Status AddPressure(std::string_view resource, std::string_view text, FrameBuilder& out);
Status AddFileNr(std::string_view text, FrameBuilder& out);  // /proc/sys/fs/file-nr

// kInvalid where lines, of those understood, is none.
Status Understood(std::size_t lines, std::string_view what);

}  // namespace opssight
