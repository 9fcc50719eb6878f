// Any text in place of a /proc, /sys or cgroup file is understood, refused or skipped.
#include <cstdint>
#include <string_view>

#include "agent/collect/cgroup.h"
#include "agent/collect/cgroup_read.h"
#include "agent/collect/cgroup_texts.h"
#include "agent/collect/fields.h"
#include "agent/collect/hwmon.h"
#include "agent/collect/proc_disk.h"
#include "agent/collect/proc_host.h"
#include "agent/collect/proc_kernel.h"
#include "agent/collect/proc_net.h"
#include "agent/collect/top_processes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace opssight;  // NOLINT(google-build-using-namespace)
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  FrameBuilder frame;
  CpuUsage cpu;
  frame.Begin();
  (void)AddStat(text, cpu, frame).has_value();
  for (auto* add : {&AddLoadavg, &AddUptime, &AddSchedstat, &AddMeminfo, &AddVmstat, &AddFileNr,
                    &AddNetDev, &AddContainerNetDev, &AddNetstat, &AddSnmp6, &AddSockstat,
                    &AddSoftnet, &AddConntrackStat, &AddArp, &AddDiskstats, &AddOsRelease}) {
    (void)add(text, frame).has_value();
  }
  for (auto* add : {&AddCpuStatV2, &AddMemoryStatV2, &AddMemoryEvents, &AddCpuMax, &AddCpuWeight,
                    &AddCpuacctStat, &AddCpuStatV1, &AddMemoryStatV1, &AddOomControl}) {
    add(text, frame);
  }
  (void)AddPressure("io", text, frame).has_value();
  AddCgroupPressure("io", text, frame);
  DeviceNames devices;
  devices.Set(text);
  AddIoStat(text, devices, frame);
  AddBlkio(text, "r", "w", devices, frame);
  SocketTable sockets;
  std::string_view rest = text;
  for (std::string_view line; NextLine(rest, line);) sockets.Feed(line);
  sockets.AddTcpStates(frame);
  sockets.AddUdpQueues("v4", frame);
  for (const Disk& disk : ParseDisks(text)) AddDiskInfo(disk, text, frame);
  for (const Mount& mount : ParseMounts(text, 1'000)) AddFilesystem(mount, {}, frame);
  ProcessStat process;
  (void)ParseProcessStat(text, process);
  (void)ParseCgroupProcs(text);
  (void)ParseHwmonName(text);
  (void)CleanHwmonName(text);
  (void)ContainerIdOf(text);
  (void)frame.End(0);
  return 0;
}
