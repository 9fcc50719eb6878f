// Any text in place of a /proc or cgroup file is understood, refused or skipped.
#include <cstdint>
#include <string_view>

#include "agent/collect/cgroup.h"
#include "agent/collect/proc.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace opssight;  // NOLINT(google-build-using-namespace)
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  FrameBuilder frame;
  CpuUsage cpu;
  frame.Begin();
  (void)AddStat(text, cpu, frame).has_value();
  for (auto* add : {&AddLoadavg, &AddMeminfo, &AddVmstat, &AddDiskstats, &AddNetDev, &AddSnmp,
                    &AddSockstat, &AddFileNr, &AddUptime}) {
    (void)add(text, frame).has_value();
  }
  (void)AddTcpStates(text, text, frame).has_value();
  (void)AddPressure("io", text, frame).has_value();
  for (const Mount& mount : ParseMounts(text)) AddFilesystem(mount, {}, frame);
  (void)ContainerIdOf(text);
  (void)frame.End(0);
  return 0;
}
