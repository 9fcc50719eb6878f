// A round over the fixture tree tests/data/host, which stands for a host's / .
#include "agent/collect/host_collector.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/text/number.h"

namespace opssight {
namespace {

using ::testing::Contains;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

class RecordingSink final : public Sink {
 public:
  void AcceptMetrics(MetricRow row) override {
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      samples[row.layout->series()[i].labels.PrometheusText()] = FormatDouble(row.values[i]);
    }
    layouts.push_back(row.layout->id());
  }
  void AcceptLogs(LogRows, std::vector<Position>) override {}
  void AcceptSpans(std::vector<Span>) override {}
  void AcceptGap(Gap) override {}
  void Commit(std::function<void(Status)> done) override { done({}); }
  bool Congested() const override { return false; }

  std::map<std::string, std::string> samples;
  std::vector<LayoutId> layouts;
};

HostOptions Fixture() {
  return {.host_root = std::string(OPS_SOURCE_DIR) + "/tests/data/host", .host = "h"};
}

std::map<std::string, std::string> Collected(HostOptions options) {
  HostCollector collector(std::move(options));
  RecordingSink sink;
  collector.Collect(1000, sink);
  return sink.samples;
}

std::string Host(std::string_view name, std::string_view before = "", std::string_view after = "") {
  std::string labels(before);
  if (!before.empty()) labels += ", ";
  labels += R"(host="h", job="host")";
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
  f(R"(system_network_bytes_total{direction="rx", host="h", interface="eth0", job="host"})",
    "5000");
  f(R"(system_network_bytes_total{direction="tx", host="h", interface="eth0", job="host"})",
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
  f(R"(node_cpu_seconds_total{cpu="1", host="h", job="host", mode="idle"})", "40");
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
  f(R"(node_hwmon_temp_celsius{chip="hwmon0", host="h", job="host", sensor="temp1"})", "45.5");
  EXPECT_THAT(samples, Not(Contains(Key(Host("node_disk_read_bytes_total", R"(device="loop0")")))));
}

TEST(HostCollectorTest, GivesContainersUnderCadvisorsNames) {
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
      R"(process_cpu_seconds_total{host="h", job="process", name="a (b) c", pid="42"})";
  EXPECT_THAT(Collected(options), Not(Contains(Key(series))));
  options.processes_top = 5;
  EXPECT_THAT(Collected(options), Contains(Pair(series, "3")));
}

TEST(HostCollectorTest, ExtraLabelsAreOnAllSeriesButOverrideNone) {
  HostOptions options = Fixture();
  options.labels = {{"team", "shop"}, {"job", "mine"}};
  EXPECT_THAT(Collected(options), Contains(Key(Host("system_process_count", "", "team=\"shop\""))));
}

TEST(HostCollectorTest, TheLayoutStaysFromRoundToRound) {
  HostCollector collector(Fixture());
  RecordingSink sink;
  collector.Collect(1000, sink);
  collector.Collect(2000, sink);
  ASSERT_EQ(sink.layouts.size(), 4U) << "the host and one container, twice";
  EXPECT_EQ(sink.layouts[0], sink.layouts[2]);
  EXPECT_EQ(sink.layouts[1], sink.layouts[3]);
}

TEST(HostCollectorTest, AMissingSourceCostsOnlyItself) {
  HostOptions options = Fixture();
  options.host_root += "/nowhere";
  EXPECT_THAT(Collected(options), Contains(Key(Host("system_process_count"))));
}

}  // namespace
}  // namespace opssight
