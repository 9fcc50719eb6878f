// This host as prometheus-node-exporter's default collectors tell it and as we do: every
// series of theirs is among ours, by name and labels, but for those listed here. Skipped
// where Debian's package prometheus-node-exporter is not installed.
#include <array>
#include <set>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>

#include "agent/collect/fields.h"
#include "tests/agent/collect/fixture.h"
#include "tests/support/http.h"
#include "tests/support/null_sink.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace opssight {
namespace {

constexpr const char* kExporter = "/usr/bin/prometheus-node-exporter";

// Not ours: the exporter's own process, and
constexpr std::array<std::string_view, 12> kLeftOut = {
    "go_",
    "process_",
    "promhttp_",
    "node_exporter_build_info",
    "node_scrape_collector_",
    "node_textfile_",                        // We read no *.prom files.
    "node_selinux_",                         // Debian has AppArmor.
    "node_network_receive_nohandler_total",  // Of netlink; /proc/net/dev has no such column.
    "node_hwmon_",
    "node_cpu_frequency_",  // May be refused to one of the two.
    "node_nf_conntrack_stat_",
    "node_rapl_"};  // By module and by right.

// name{a="b"}, without empty labels, sorted, as PrometheusText writes it.
std::string Canonical(std::string_view series) {
  const std::size_t brace = series.find('{');
  std::vector<Label> labels = {{std::string(kMetricName), std::string(series.substr(0, brace))}};
  if (brace == std::string_view::npos) return Labels(std::move(labels)).PrometheusText();
  std::string_view rest = series.substr(brace + 1);
  while (!rest.empty() && rest.front() != '}') {
    const std::size_t equals = rest.find("=\"");
    const std::size_t end = rest.find('"', equals + 2);  // None of this host's holds a quote.
    labels.push_back({std::string(rest.substr(0, equals)),
                      std::string(rest.substr(equals + 2, end - equals - 2))});
    rest.remove_prefix(end + 1);
    if (rest.starts_with(',')) rest.remove_prefix(1);
  }
  return Labels(std::move(labels)).PrometheusText();
}

bool LeftOut(std::string_view series) {
  if (series.find(R"(device="zram)") != series.npos) return true;  // Newer exporters do so too.
  // Disks of tests beside this one, which come and go between the two looks.
  if (series.find("/opssight-") != series.npos) return true;
  for (const std::string_view prefix : kLeftOut) {
    if (series.starts_with(prefix)) return true;
  }
  return false;
}

// Labels that newer exporters than Debian's have, and the ones of all our series.
Labels Without(const Labels& labels) {
  std::vector<Label> kept;
  for (const Label& label : labels) {
    if (label.name == "host" || label.name == "instance" || label.name == "job" ||
        label.name == "adminstate") {
      continue;
    }
    kept.push_back(label);
  }
  return Labels(std::move(kept));
}

class NamesSink final : public NullSink {
 public:
  void AcceptMetrics(MetricRow row) override {
    for (const LayoutSeries& series : row.layout->series()) {
      names.insert(Without(series.labels).PrometheusText());
    }
  }
  std::set<std::string> names;
};

TEST(NodeExporterTest, EverySeriesOfItsDefaultCollectorsIsAmongOurs) {
  if (access(kExporter, X_OK) != 0) GTEST_SKIP() << kExporter << " is not installed";
  const TempDir dir;
  const std::string address = "127.0.0.1:" + std::to_string(FreePort());
  auto process =
      Process::Start({kExporter, "--web.listen-address=" + address}, {.output = dir / "log"});
  ASSERT_TRUE(process.has_value()) << process.error().message;
  HttpAnswer answer;
  ASSERT_TRUE(WaitFor(std::chrono::seconds(60), [&] {
    answer = HttpGet("http://" + address + "/metrics");
    return answer.status == 200;
  })) << answer.body;
  NamesSink ours;
  HostCollector collector({.host = "h"});
  collector.Collect(1000, ours);
  std::size_t compared = 0;
  std::string_view text = answer.body;
  for (std::string_view line; NextLine(text, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    const std::string series = Canonical(line.substr(0, line.rfind(' ')));
    if (LeftOut(series)) continue;
    ++compared;
    EXPECT_TRUE(ours.names.contains(series)) << series;
  }
  EXPECT_GT(compared, 200U);
}

}  // namespace
}  // namespace opssight
