// A round over the fixture tree tests/data/host, which stands for a host's / .
#include "agent/collect/host_collector.h"

#include <filesystem>
#include <fstream>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/agent/collect/fixture.h"
#include "tests/support/temp_dir.h"

namespace opssight {
namespace {

using ::testing::Contains;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

std::string Host(std::string_view name, std::string_view before = "", std::string_view after = "") {
  std::string labels(before);
  if (!before.empty()) labels += ", ";
  labels += R"(host="h", instance="h", job="node")";
  if (!after.empty()) labels.append(", ").append(after);
  return std::string(name) + "{" + labels + "}";
}

TEST(HostCollectorTest, GivesTheProductsOwnNames) {
  const auto samples = Collected(Fixture());
  const auto f = [&](const std::string& series, const std::string& value) {
    EXPECT_THAT(samples, Contains(Pair(series, value)));
  };
  f(Host("system_cpu_load_1m"), "0.25");
  f(Host("system_cpu_load_5m"), "0.5");
  f(Host("system_cpu_load_15m"), "0.75");
  f(Host("system_memory_usage_bytes", "", R"(type="used")"), "409600");
  f(Host("system_memory_usage_bytes", "", R"(type="available")"), "614400");
  f(Host("system_memory_usage_bytes", "", R"(type="cached")"), "307200");
  f(Host("system_memory_usage_bytes", "", R"(type="buffers")"), "51200");
  f(Host("system_memory_usage_percent"), "40");
  f(R"(system_network_bytes_total{direction="rx", host="h", instance="h", interface="eth0", job="node"})",
    "5000");
  f(R"(system_network_bytes_total{direction="tx", host="h", instance="h", interface="eth0", job="node"})",
    "6000");
  f(Host("system_process_count"), "2");
  f(Host("system_file_descriptors_open"), "1024");
  // 1600 of 9700 ticks since boot were busy.
  EXPECT_EQ(samples.at(Host("system_cpu_usage_percent")).substr(0, 6), "16.494");
  EXPECT_THAT(samples, Contains(Key(Host("system_disk_usage_percent", "", R"(path="/")"))));
}

TEST(HostCollectorTest, GivesNodeExportersNames) {
  const auto samples = Collected(Fixture());
  const auto f = [&](const std::string& series, const std::string& value) {
    EXPECT_THAT(samples, Contains(Pair(series, value)));
  };
  f(R"(node_cpu_seconds_total{cpu="1", host="h", instance="h", job="node", mode="idle"})", "40");
  f(Host("node_context_switches_total"), "67890");
  f(Host("node_forks_total"), "4321");
  f(Host("node_memory_Active_anon_bytes"), "71680");
  f(Host("node_memory_HugePages_Total"), "2");
  f(Host("node_vmstat_oom_kill"), "1");
  f(Host("node_disk_read_bytes_total", R"(device="vda")"), "1048576");
  f(Host("node_disk_io_time_seconds_total", R"(device="vda")"), "0.9");
  f(Host("node_network_receive_drop_total", R"(device="eth0")"), "2");
  f(Host("node_netstat_Tcp_RetransSegs"), "17");
  f(Host("node_netstat_TcpExt_TCPTimeouts"), "2");
  f(Host("node_sockstat_TCP_tw"), "1");
  f(Host("node_tcp_connection_states", "", R"(state="established")"), "1");
  f(Host("node_tcp_connection_states", "", R"(state="time_wait")"), "1");
  f(Host("node_pressure_io_stalled_seconds_total"), "1");
  f(R"(node_hwmon_temp_celsius{chip="hwmon0", host="h", instance="h", job="node", sensor="temp1"})",
    "45.5");
  EXPECT_THAT(samples, Not(Contains(Key(Host("node_disk_read_bytes_total", R"(device="loop0")")))));
}

TEST(HostCollectorTest, ContainersHaveCadvisorsNames) {
  const auto samples = Collected(Fixture());
  const auto value = [&](const std::string& name) {
    for (const auto& [series, text] : samples) {
      if (series.starts_with(name + "{") &&
          series.find(R"(container_id="0123456789ab")") != std::string::npos) {
        return text;
      }
    }
    return std::string("none");
  };
  EXPECT_EQ(value("container_cpu_usage_seconds_total"), "3");
  EXPECT_EQ(value("container_cpu_cfs_throttled_seconds_total"), "0.5");
  EXPECT_EQ(value("container_memory_working_set_bytes"), "350");
  EXPECT_EQ(value("container_memory_rss"), "100");
  EXPECT_EQ(value("container_oom_events_total"), "1");
  EXPECT_EQ(value("container_fs_writes_bytes_total"), "8192");
  EXPECT_EQ(value("container_threads"), "7");
  EXPECT_EQ(value("container_spec_memory_limit_bytes"), "none") << "max is no limit";
  EXPECT_EQ(value("container_pressure_cpu_waiting_seconds_total"), "1");
}

TEST(HostCollectorTest, TopProcessesAreAnOption) {
  HostOptions options = Fixture();
  const std::string series =
      R"(process_cpu_seconds_total{host="h", instance="h", job="process", name="a (b) c", pid="42"})";
  EXPECT_THAT(Collected(options), Not(Contains(Key(series))));
  options.processes_top = 5;
  EXPECT_THAT(Collected(options), Contains(Pair(series, "3")));
}

TEST(HostCollectorTest, ExtraLabelsAreOnAllSeriesButOverrideNone) {
  HostOptions options = Fixture();
  options.labels = {{"team", "shop"}, {"job", "mine"}};
  EXPECT_THAT(Collected(options), Contains(Key(Host("system_process_count", "", "team=\"shop\""))));
}

TEST(HostCollectorTest, JobsAreSettings) {
  HostOptions options = Fixture();
  options.host_job = "linux";
  options.container_job = "docker";
  const auto samples = Collected(options);
  EXPECT_THAT(samples, Contains(Key(R"(node_load1{host="h", instance="h", job="linux"})")));
  const auto container = samples.lower_bound("container_threads{");
  EXPECT_NE(container->first.find(R"(job="docker")"), std::string::npos) << container->first;
}

TEST(HostCollectorTest, TheLayoutStaysFromRoundToRound) {
  FakeCalls calls;
  HostCollector collector(Fixture(), calls);
  RecordingSink sink;
  collector.Collect(1000, sink);
  ASSERT_EQ(sink.layouts.size(), 4U) << "the host, its devices, its sockets and one container";
  sink.layouts.clear();
  for (std::int64_t round = 2; round <= 6; ++round) collector.Collect(round * 1000, sink);
  ASSERT_EQ(sink.layouts.size(), 15U) << "sockets are not in every round";
  for (std::size_t i = 3; i < sink.layouts.size(); ++i) {
    EXPECT_EQ(sink.layouts[i], sink.layouts[i - 3]) << i;
  }
}

TEST(HostCollectorTest, AMissingSourceCostsOnlyItself) {
  HostOptions options = Fixture();
  options.host_root += "/nowhere";
  EXPECT_THAT(Collected(options), Contains(Key(Host("system_process_count"))));
}

TEST(HostCollectorTest, SocketsComeAtEverySoManiethRoundOrNever) {
  HostOptions options = Fixture();
  options.socket_rounds = 0;
  EXPECT_THAT(Collected(options),
              Not(Contains(Key(Host("node_tcp_connection_states", "", R"(state="listen")")))));
}

class ChangingTreeTest : public ::testing::Test {
 protected:
  ChangingTreeTest() {
    std::filesystem::copy(
        Fixture().host_root, dir_ / "host",
        std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
    HostOptions options = Fixture();
    options.host_root = dir_ / "host";
    collector_ = std::make_unique<HostCollector>(options, calls_);
  }
  std::string At(const std::string& path) const { return dir_ / ("host" + path); }
  void Write(const std::string& path, const std::string& text) { std::ofstream(At(path)) << text; }
  void Round() { collector_->Collect(++time_ms_, sink_); }
  std::string Value(std::string_view name, std::string_view labels = "") {
    for (const auto& [series, value] : sink_.samples) {
      if (series.starts_with(name) && series.find(labels) != std::string::npos) return value;
    }
    return "none";
  }

  TempDir dir_;
  FakeCalls calls_;
  std::unique_ptr<HostCollector> collector_;
  RecordingSink sink_;
  std::int64_t time_ms_ = 0;
};

const std::string kContainer =
    "/sys/fs/cgroup/system.slice/docker-"
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope";

TEST_F(ChangingTreeTest, AContainerThatEndsIsStaleAtOnce) {
  Round();
  EXPECT_EQ(Value("container_threads{"), "7");
  std::filesystem::remove_all(At(kContainer));
  Round();
  for (const auto& [series, value] : sink_.samples) {
    const bool container = series.starts_with("container_");
    EXPECT_EQ(value == "stale", container) << series << " " << value;
  }
  EXPECT_EQ(Value("node_load1{"), "0.25");
  const std::size_t rows = sink_.layouts.size();
  Round();
  EXPECT_EQ(sink_.layouts.size(), rows + 2) << "stale markers come once";
}

TEST_F(ChangingTreeTest, ADiskThatGoesIsStaleAtOnce) {
  Round();
  EXPECT_EQ(Value("node_disk_io_now", R"(device="vda")"), "1");
  Write("/proc/diskstats", "   7 0 loop0 1 0 1 0 1 0 1 0 0 1 1\n");
  Round();
  EXPECT_EQ(Value("node_disk_io_now", R"(device="vda")"), "stale");
}

TEST_F(ChangingTreeTest, AFileThatCannotBeUnderstoodCostsItsCollectorOnly) {
  Write("/proc/meminfo", "what?\n");
  Round();
  EXPECT_EQ(Value("node_scrape_collector_success", R"(collector="meminfo")"), "0");
  EXPECT_EQ(Value("node_scrape_collector_success", R"(collector="stat")"), "1");
  EXPECT_EQ(Value("node_load1{"), "0.25");
}

TEST_F(ChangingTreeTest, AContainerGetsItsNameWhenTheRuntimeHasWrittenIt) {
  const std::string meta = At("/var/lib/docker/containers");
  std::filesystem::rename(meta, meta + ".later");
  Round();
  EXPECT_EQ(Value("container_threads{", R"(name="0123456789ab")"), "7");
  std::filesystem::rename(meta + ".later", meta);
  Round();
  EXPECT_EQ(Value("container_threads{", R"(image="nginx:1.27")"), "7");
  EXPECT_EQ(Value("container_threads{", R"(name="0123456789ab")"), "stale");
}

TEST_F(ChangingTreeTest, RemoteFileSystemsAreNotAskedUnlessTold) {
  Write("/proc/1/mountinfo",
        "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
        "23 22 0:40 / /mnt/nfs rw - nfs4 server:/export rw\n");
  Round();
  EXPECT_THAT(calls_.asked, ::testing::ElementsAre(At("/")));
  HostOptions options = Fixture();
  options.host_root = dir_ / "host";
  options.remote_filesystems = true;
  calls_.broken = true;
  calls_.asked.clear();
  HostCollector asking(options, calls_);
  asking.Collect(1, sink_);
  EXPECT_EQ(calls_.asked.size(), 2U);
  EXPECT_EQ(Value("node_filesystem_device_error", "server:/export"), "1");
}

// The whole round, value by value: tests/data/host_golden. Written anew with
// OPS_WRITE_GENERATED=1.
void ExpectGolden(const std::string& name, const HostOptions& options) {
  std::string text;
  for (const auto& [series, value] : Collected(options)) {
    if (series.starts_with("node_scrape_collector_duration")) continue;  // All 0 here.
    text.append(series).append(" ").append(value).append("\n");
  }
  const std::string path = std::string(OPS_SOURCE_DIR) + "/tests/data/host_golden/" + name;
  if (std::getenv("OPS_WRITE_GENERATED") != nullptr) {  // NOLINT(concurrency-mt-unsafe)
    std::ofstream(path) << text;
  }
  std::ifstream file(path);
  const std::string kept{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_EQ(text, kept) << "a change that is meant: OPS_WRITE_GENERATED=1 agent_collect_test";
}

TEST(HostGoldenTest, AWholeRoundWithControlGroupsV2) {
  HostOptions options = Fixture();
  options.services = true;
  ExpectGolden("v2.txt", options);
}

TEST(HostGoldenTest, AWholeRoundWithControlGroupsV1) {
  ExpectGolden("v1.txt", Fixture("host_v1"));
}

TEST(HostRealTest, ARoundOfThisHostIsTheSameFromFilesHeldOpen) {
  HostCollector collector({.host = "h"});
  RecordingSink first, second;
  collector.Collect(1000, first);
  collector.Collect(2000, second);
  EXPECT_GT(collector.open_files(), 20U);
  EXPECT_THAT(second.samples, Contains(Key(Host("node_load1"))));
  for (const auto& [series, value] : first.samples) {  // Processes and groups come and go.
    if (!series.starts_with("node_memory")) continue;
    EXPECT_THAT(second.samples, Contains(Key(series)));
  }
}

}  // namespace
}  // namespace opssight
