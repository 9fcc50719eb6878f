// Texts in, samples out: one line a case. A sample is "name{labels} value".
#include <algorithm>
#include <functional>

#include <gtest/gtest.h>

#include "agent/collect/cgroup.h"
#include "agent/collect/cgroup_read.h"
#include "agent/collect/cgroup_texts.h"
#include "agent/collect/hwmon.h"
#include "agent/collect/proc_disk.h"
#include "agent/collect/proc_host.h"
#include "agent/collect/proc_kernel.h"
#include "agent/collect/proc_net.h"
#include "agent/collect/top_processes.h"
#include "common/text/number.h"

namespace opssight {
namespace {

using Add = std::function<Status(std::string_view, FrameBuilder&)>;

// All samples that add makes of text, or its error.
std::string Samples(const Add& add, std::string_view text) {
  FrameBuilder frame;
  frame.Begin();
  const Status status = add(text, frame);
  std::string out = status ? "" : "error: " + status.error().message;
  const MetricRow row = frame.End(0);
  for (std::size_t i = 0; i < row.values.size(); ++i) {
    if (!out.empty()) out += "; ";
    out += row.layout->series()[i].labels.PrometheusText() + " " + FormatDouble(row.values[i]);
  }
  return out;
}

Add Always(void (*add)(std::string_view, FrameBuilder&)) {
  return [add](std::string_view text, FrameBuilder& out) { return add(text, out), Status(); };
}

void Expect(const Add& add, std::string_view text, std::string_view samples) {
  EXPECT_EQ(Samples(add, text), samples) << text;
}
// Among others.
void Has(const Add& add, std::string_view text, std::string_view sample) {
  const std::string all = Samples(add, text) + ";";
  EXPECT_NE(all.find(std::string(sample) + ";"), std::string::npos) << sample << "\nin " << all;
}

Status Stat(std::string_view text, FrameBuilder& out) {
  CpuUsage cpu;
  return AddStat(text, cpu, out);
}

TEST(ProcTextsTest, Stat) {
  Expect(Stat, "garbage\n", "error: stat: no line understood");
  Expect(Stat, "ctxt 5\nbtime x\n", "node_context_switches_total 5");
  Expect(Stat, "intr 99 1 2 3\n", "node_intr_total 99");
  Expect(
      Stat, "procs_running 2\nprocs_blocked 1\nprocesses 7\nbtime 8\n",
      "node_procs_running 2; node_procs_blocked 1; node_forks_total 7; node_boot_time_seconds 8");
  Expect(Stat, "cpu 100 0 0 100 0 0 0 0\n", "system_cpu_usage_percent 50");
  Has(Stat, "cpu3 1 2 3 4 5 6 7 800 9 10\n", R"(node_cpu_seconds_total{cpu="3", mode="steal"} 8)");
  Has(Stat, "cpu3 1 2 3 4 5 6 7 8 900 10\n",
      R"(node_cpu_guest_seconds_total{cpu="3", mode="user"} 9)");
}

TEST(ProcTextsTest, TheCpuPercentIsOfTheTimeSinceTheLastRound) {
  FrameBuilder frame;
  CpuUsage cpu;
  frame.Begin();
  ASSERT_TRUE(AddStat("cpu 100 0 0 100 0 0 0 0\n", cpu, frame).has_value());
  EXPECT_DOUBLE_EQ(frame.End(0).values.front(), 50);
  frame.Begin();
  ASSERT_TRUE(AddStat("cpu 130 0 0 110 0 0 0 0\n", cpu, frame).has_value());
  EXPECT_DOUBLE_EQ(frame.End(0).values.front(), 75);
}

TEST(ProcTextsTest, Kernel) {
  Expect(AddLoadavg, "a b c", "error: loadavg: a b c");
  Has(AddLoadavg, "0.5 1 2.25 1/2 3\n", "system_cpu_load_15m 2.25");
  Expect(AddUptime, "12.5 20\n", "system_uptime_seconds 12.5");
  Expect(AddUptime, "", "error: uptime: ");
  Expect(AddFileNr, "1024 0 4096\n",
         "node_filefd_allocated 1024; node_filefd_maximum 4096; "
         "system_file_descriptors_open 1024");
  Expect(AddFileNr, "", "error: file-nr: ");
  Has(AddSchedstat, "version 15\ncpu1 0 0 0 0 0 0 2000000000 3000000000 4\n",
      R"(node_schedstat_waiting_seconds_total{cpu="1"} 3)");
  Expect(AddSchedstat, "version 15\n", "error: schedstat: no line understood");
  const auto pressure = [](std::string_view resource) -> Add {
    return [resource](std::string_view text, FrameBuilder& out) {
      return AddPressure(resource, text, out);
    };
  };
  Expect(pressure("io"), "some avg10=0 total=2000000\nfull avg10=0 total=1000000\n",
         "node_pressure_io_waiting_seconds_total 2; node_pressure_io_stalled_seconds_total 1");
  Expect(pressure("cpu"), "some total=1000000\nfull total=0\n",
         "node_pressure_cpu_waiting_seconds_total 1");
  Expect(pressure("irq"), "full total=1000000\n", "node_pressure_irq_stalled_seconds_total 1");
  Expect(pressure("io"), "some total=\n", "error: pressure/io: no line understood");
}

TEST(ProcTextsTest, Memory) {
  Expect(AddMeminfo, "MemTotal: x kB\n", "error: meminfo: no line understood");
  Expect(AddMeminfo, "Active(anon): 2 kB\nHugePages_Total: 3\n",
         "node_memory_Active_anon_bytes 2048; node_memory_HugePages_Total 3");
  Has(AddMeminfo, "MemTotal: 100 kB\nMemAvailable: 25 kB\n", "system_memory_usage_percent 75");
  Expect(AddVmstat, "nr_free_pages 1\npgpgin 2\npswpout 3\nthp_fault_alloc 4\npgmajfault 5\n",
         "node_vmstat_pgpgin 2; node_vmstat_pswpout 3; node_vmstat_pgmajfault 5");
  Expect(AddVmstat, "x\n", "error: vmstat: no line understood");
}

TEST(ProcTextsTest, Network) {
  Expect(AddNetDev, "no colon\n", "error: net/dev: no line understood");
  Has(AddNetDev, " eth0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
      R"(node_network_transmit_carrier_total{device="eth0"} 15)");
  Has(AddNetDev, " eth0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
      R"(system_network_bytes_total{direction="tx", interface="eth0"} 9)");
  Expect(AddContainerNetDev, "lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n", "");
  Has(AddContainerNetDev, "e: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
      R"(container_network_transmit_packets_dropped_total{interface="e"} 12)");
  Expect(AddNetstat, "Tcp: RtoMin RetransSegs\nTcp: 200 17\n", "node_netstat_Tcp_RetransSegs 17");
  Expect(AddNetstat, "TcpExt: ListenDrops X\nTcpExt: 4 5\n", "node_netstat_TcpExt_ListenDrops 4");
  Expect(AddNetstat, "Ip: Forwarding\nUdp: 1\n", "error: net/snmp: no line understood");
  Expect(AddSnmp6, "Udp6NoPorts 8\nIp6InReceives 1\nUdpLite6InErrors 2\n",
         "node_netstat_Udp6_NoPorts 8; node_netstat_UdpLite6_InErrors 2");
  Expect(AddSnmp6, "x\n", "error: net/snmp6: no line understood");
  Expect(AddSockstat, "sockets: used 5\nTCP: inuse 1 orphan 2\n",
         "node_sockstat_sockets_used 5; node_sockstat_TCP_inuse 1; node_sockstat_TCP_orphan 2");
  Expect(AddSockstat, "", "error: net/sockstat: no line understood");
  Has(AddSoftnet, "0000000a 1 2 0 0 0 0 0 3\n", R"(node_softnet_processed_total{cpu="0"} 10)");
  Has(AddSoftnet, "a 1 2 0 0 0 0 0 3 4 5 6 11\n", R"(node_softnet_backlog_len{cpu="17"} 6)");
  Expect(AddSoftnet, "zz\n", "error: net/softnet_stat: no line understood");
  Has(AddConntrackStat, "entries drop\n1 a\n1 1\n", "node_nf_conntrack_stat_drop 11");
  Expect(AddConntrackStat, "entries drop\n", "error: net/stat/nf_conntrack: no line understood");
  Expect(AddArp, "IP address X\n1 2 3 4 5 b\n1 2 3 4 5 a\n1 2 3 4 5 b\n",
         R"(node_arp_entries{device="a"} 1; node_arp_entries{device="b"} 2)");
  Expect(AddArp, "x\n", "error: net/arp: no line understood");
}

TEST(ProcTextsTest, Sockets) {
  const Add tcp = [](std::string_view line, FrameBuilder& out) {
    SocketTable table;
    table.Feed(line);
    table.AddTcpStates(out);
    table.AddUdpQueues("v4", out);
    return Status();
  };
  Has(tcp, "  0: 00:1 00:0 0A 00000000:00000002 00:0", R"({state="listen"} 1)");
  Has(tcp, "  0: 00:1 00:0 0A 00000010:00000002 00:0", R"({ip="v4", queue="tx"} 16)");
  Has(tcp, "  sl  local_address rem_address   st tx_queue rx_queue", R"({state="listen"} 0)");
  Has(tcp, "  0: 00:1 00:0 FF 0:0", R"({state="close"} 0)");
  Has(tcp, "", R"({state="close"} 0)");
}

TEST(ProcTextsTest, Disks) {
  const auto ignored = [](std::string_view name) { return IgnoredDisk(name) ? "yes" : "no"; };
  for (const char* name :
       {"ram0", "zram1", "loop12", "fd0", "sda1", "vdb12", "xvda1", "hdc2", "nvme0n1p1"}) {
    EXPECT_STREQ(ignored(name), "yes") << name;
  }
  for (const char* name : {"sda", "vda", "nvme0n1", "dm-0", "md127", "sr0", "mmcblk0p1", "", "1",
                           "sdaa1", "nvme0c0n1"}) {
    EXPECT_STREQ(ignored(name), "no") << name;
  }
  const std::string_view line = "254 0 vda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n";
  Has(AddDiskstats, line, R"(node_disk_written_bytes_total{device="vda"} 3584)");
  Has(AddDiskstats, line, R"(node_disk_flush_requests_total{device="vda"} 16)");
  Expect(AddDiskstats, "x\n", "error: diskstats: no line understood");
  const Add info = [](std::string_view udev, FrameBuilder& out) {
    AddDiskInfo({"vda", "254", "0"}, udev, out);
    return Status();
  };
  Expect(info, "", R"(node_disk_info{device="vda", major="254", minor="0"} 1)");
  Expect(info, "E:ID_MODEL=M\nE:ID_WWN=0x5\n",
         R"(node_disk_info{device="vda", major="254", minor="0", model="M", wwn="0x5"} 1)");
}

TEST(ProcTextsTest, MountsLeaveOutPseudoFileSystemsAndUnescapePaths) {
  const auto mounts = ParseMounts(
      "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
      "23 22 0:5 / /dev rw - devtmpfs udev rw\n"
      "24 22 0:20 / /a\\040b rw shared:1 - xfs /dev/vdb rw\n"
      "25 22 0:20 / /a\\040b ro,nosuid shared:1 master:2 - xfs /dev/vdb ro\n"
      "26 22 0:20 / /devices rw - fuse.sshfs host: rw\n"
      "27 22 0:20 / /var/lib/docker/x rw - ext4 /dev/vdb rw\n"
      "short line\n",
      100);
  ASSERT_EQ(mounts.size(), 3U);
  EXPECT_EQ(mounts[0].path, "/");
  EXPECT_EQ(mounts[1].path, "/a b");
  EXPECT_TRUE(mounts[1].read_only) << "the later mount is the one that is seen";
  EXPECT_FALSE(mounts[1].remote);
  EXPECT_TRUE(mounts[2].remote);
  EXPECT_EQ(ParseMounts("1 1 0:1 / / rw - a b\n2 1 0:1 / /x rw - a b\n", 1).size(), 1U);
}

TEST(ProcTextsTest, OsRelease) {
  Expect(AddOsRelease, "X=1\n", "error: os-release: no line understood");
  Expect(AddOsRelease, "ID='u'\nVERSION_ID=\"22.04.1\"\nNAME=\"a \\\"b\\\"\"\n",
         R"(node_os_info{id="u", name="a \"b\"", version_id="22.04.1"} 1; )"
         R"(node_os_version{id="u", name="a \"b\""} 22.04)");
  Expect(AddOsRelease, "ID=arch\n", R"(node_os_info{id="arch"} 1)");
}

TEST(ProcTextsTest, Hwmon) {
  const auto f = [](std::string_view file) {
    const auto parsed = ParseHwmonName(file);
    return parsed ? parsed->sensor + " " + parsed->metric : "none";
  };
  EXPECT_EQ(f("temp1_input"), "temp1 node_hwmon_temp_celsius");
  EXPECT_EQ(f("temp12_crit_alarm"), "temp12 node_hwmon_temp_crit_alarm_celsius");
  EXPECT_EQ(f("in0_max"), "in0 node_hwmon_in_max_volts");
  EXPECT_EQ(f("pwm1"), "pwm1 node_hwmon_pwm");
  EXPECT_EQ(f("temp1_label"), "temp1 ");
  for (const char* none :
       {"name", "temp_input", "fan1", "pwm1_enable", "temp1_type", "intrusion0", "", "device"}) {
    EXPECT_EQ(f(none), "none") << none;
  }
  EXPECT_EQ(CleanHwmonName("0000:00:1F.3 \n"), "0000:00:1f_3");
  EXPECT_EQ(CleanHwmonName("--"), "");
}

TEST(ProcTextsTest, ProcessStat) {
  ProcessStat stat;
  ASSERT_TRUE(
      ParseProcessStat("42 (a (b) c) S 1 1 1 0 -1 0 0 0 0 0 200 100 0 0 20 0 1 0 77 0 5", stat));
  EXPECT_EQ(stat.name, "a (b) c");
  EXPECT_EQ(stat.key, "42:77");
  EXPECT_EQ(stat.cpu_s, 3);
  EXPECT_FALSE(ParseProcessStat(") (", stat));
  EXPECT_FALSE(ParseProcessStat("1 (a) S 1", stat));
}

TEST(CgroupTextsTest, V2) {
  Expect(Always(AddCpuStatV2), "usage_usec 3000000\nnr_throttled 2\nburst_usec 500000\nx\n",
         R"(container_cpu_usage_seconds_total{cpu="total"} 3; )"
         "container_cpu_cfs_throttled_periods_total 2; container_cpu_cfs_burst_seconds_total 0.5");
  Expect(Always(AddMemoryStatV2), "anon 1\nkernel 2\nfile_dirty 3\nanon_thp 9\n",
         "container_memory_rss 1; container_memory_kernel_usage 2; "
         "container_memory_file_dirty_bytes 3");
  Has(Always(AddMemoryStatV2), "pgmajfault 4\n",
      R"(container_memory_failures_total{failure_type="pgmajfault", scope="hierarchy"} 4)");
  Expect(Always(AddMemoryEvents), "low 1\nmax 2\noom_kill 3\n",
         "container_memory_events_max_total 2; container_memory_failcnt 2; "
         "container_oom_events_total 3");
  DeviceNames devices;
  devices.Set("254 0 vda 1 2 3 4 5 6 7 8 9 10 11\n");
  const Add io = [&](std::string_view text, FrameBuilder& out) {
    return AddIoStat(text, devices, out), Status();
  };
  Expect(io, "254:0 rbytes=1 cost.usage=2000000 dbytes=3\n8:0 wios=4\n",
         R"(container_fs_reads_bytes_total{device="/dev/vda"} 1; )"
         R"(container_fs_io_cost_usage_seconds_total{device="/dev/vda"} 2; )"
         R"(container_fs_writes_total{device="8:0"} 4)");
  Expect(Always(AddCpuMax), "50000 100000\n",
         "container_spec_cpu_quota 50000; container_spec_cpu_period 100000");
  Expect(Always(AddCpuMax), "max 100000\n", "container_spec_cpu_period 100000");
  Expect(Always(AddCpuWeight), "1\n", "container_spec_cpu_shares 2");
  Expect(Always(AddCpuWeight), "10000\n", "container_spec_cpu_shares 262144");
  Expect(Always(AddCpuWeight), "nan\n", "");
  const Add pressure = [](std::string_view text, FrameBuilder& out) {
    return AddCgroupPressure("io", text, out), Status();
  };
  Expect(pressure, "some x total=1000000\nfull x total=2000000\n",
         "container_pressure_io_waiting_seconds_total 1; "
         "container_pressure_io_stalled_seconds_total 2");
  EXPECT_EQ(ParseCgroupProcs("42\n43\n").count, 2U);
  EXPECT_EQ(ParseCgroupProcs("42\n43\n").first, "42");
  EXPECT_EQ(ParseCgroupProcs("").count, 0U);
}

TEST(CgroupTextsTest, V1) {
  Expect(Always(AddCpuacctStat), "user 200\nsystem 100\n",
         "container_cpu_user_seconds_total 2; container_cpu_system_seconds_total 1");
  Expect(Always(AddCpuStatV1), "nr_periods 3\nthrottled_time 500000000\n",
         "container_cpu_cfs_periods_total 3; container_cpu_cfs_throttled_seconds_total 0.5");
  Expect(Always(AddMemoryStatV1), "rss 1\ntotal_rss 2\ntotal_swap 3\n",
         "container_memory_rss 2; container_memory_swap 3");
  Expect(Always(AddOomControl), "under_oom 0\noom_kill 4\n", "container_oom_events_total 4");
  const Add blkio = [](std::string_view text, FrameBuilder& out) {
    return AddBlkio(text, "r", "w", {}, out), Status();
  };
  Expect(blkio, "8:0 Read 1\n8:0 Write 2\n8:0 Sync 3\nTotal 3\n",
         R"(r{device="8:0"} 1; w{device="8:0"} 2)");
}

TEST(CgroupTest, FindsTheContainerIdInEachRuntimesNaming) {
  const std::string id(64, 'a');
  const auto f = [&](const std::string& path) { EXPECT_EQ(ContainerIdOf(path), id) << path; };
  f("/docker/" + id);
  f("/system.slice/docker-" + id + ".scope");
  f("/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + id + ".scope");
  f("/machine.slice/libpod-" + id + ".scope");
  f("/kubepods/besteffort/pod1/crio-" + id);
  EXPECT_EQ(ContainerIdOf("/system.slice/ssh.service"), std::nullopt);
  EXPECT_EQ(ContainerIdOf("/docker/" + id + "b"), std::nullopt) << "65 digits are no id";
  EXPECT_EQ(ContainerIdOf("/docker/" + id + "/init"), std::nullopt);
  EXPECT_EQ(ContainerIdOf("/machine.slice/libpod-conmon-" + id + ".scope"), std::nullopt);
}

}  // namespace
}  // namespace opssight
