// Samples from the small files of /sys, one value each: network devices, processors'
// frequency, temperature zones, memory errors, clocks, the machine's make. Names are
// node_exporter's. What hardly changes is read at every sixth round (HostFiles::ReadSlow).
#pragma once

#include "agent/collect/host_files.h"
#include "common/model/frame.h"

namespace opssight {

void AddNetClass(HostFiles& files, FrameBuilder& out);  // /sys/class/net
void AddCpuFrequency(HostFiles& files, FrameBuilder& out);
void AddCpuThrottles(HostFiles& files, FrameBuilder& out);
void AddThermal(HostFiles& files, FrameBuilder& out);  // Zones and cooling devices.
void AddEdac(HostFiles& files, FrameBuilder& out);     // Memory error counts.
void AddClockSources(HostFiles& files, FrameBuilder& out);
void AddDmi(HostFiles& files, FrameBuilder& out);  // Without serial numbers.

}  // namespace opssight
