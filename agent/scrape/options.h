// What the agent scrapes, in Prometheus' words: scrape.d/*.yaml and scrape_configs of
// agent.yaml. Times in milliseconds; a limit of 0 is none, and one that is passed fails
// the scrape.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/config/table.h"
#include "common/fetch/http_options.h"
#include "common/model/labels.h"
#include "common/model/targets.h"
#include "common/relabel/relabel.h"

namespace opssight {

struct StaticTargets {
  std::vector<std::string> targets;  // "host:port".
  std::map<std::string, std::string> labels;
};

struct FileDiscoveryOptions {
  std::vector<std::string> files;  // Globs of *.json, *.yml, *.yaml.
  std::int64_t refresh_ms = 300'000;
};

struct DockerFilter {
  std::string name;
  std::vector<std::string> values;
};

struct DockerDiscoveryOptions {
  std::string host = "unix:///var/run/docker.sock";
  std::uint16_t port = 80;  // Of containers that expose none.
  std::string host_networking_host = "localhost";
  bool match_first_network = true;
  std::vector<DockerFilter> filters;
  std::int64_t refresh_ms = 60'000;
  HttpOptions http;
};

enum class ScrapeProtocol : std::uint8_t {
  kProtobuf,
  kOpenMetrics1,
  kOpenMetrics001,
  kText1,
  kText004,
};

struct ScrapeLimits {
  std::uint64_t body_bytes = 0;
  std::uint64_t samples = 0;
  std::uint64_t labels = 0;
  std::uint64_t label_name_bytes = 0;
  std::uint64_t label_value_bytes = 0;
  std::uint64_t targets = 0;
};

struct ScrapeJob {
  std::string job_name;
  std::int64_t interval_ms = 0;        // 0: that of the section scrape.
  std::int64_t timeout_ms = 0;         // 0: the same, and no longer than the interval.
  std::vector<std::string> protocols;  // Names of ScrapeProtocol; empty: the defaults.
  std::string fallback_protocol;
  std::string metrics_path = "/metrics";
  std::string scheme = "http";
  std::map<std::string, std::vector<std::string>> params;
  bool honor_labels = false;
  bool honor_timestamps = true;
  bool track_timestamps_staleness = false;
  bool enable_compression = true;
  bool native_histograms = false;
  bool classic_too = false;
  bool extra_metrics = false;
  HttpOptions http;
  std::vector<StaticTargets> static_targets;
  std::vector<FileDiscoveryOptions> files;
  std::vector<DockerDiscoveryOptions> docker;
  std::vector<RelabelOptions> relabel;
  std::vector<RelabelOptions> metric_relabel;
  ScrapeLimits limits;
  std::uint64_t keep_dropped = 0;
};

struct ScrapeOptions {
  std::int64_t interval_ms = 60'000;
  std::int64_t timeout_ms = 10'000;
  std::uint64_t body_bytes_max = 64UL << 20;  // Also where a job sets no limit.
  std::uint64_t targets_max = 10'000;         // Of all jobs; others are not scraped, counted.
  std::uint64_t series_max = 150'000;         // Of one target, what a layout may hold.
  std::vector<Label> labels;                  // Of series that have none of that name.
  std::string host;                           // Stands in targets' global URLs for localhost.
  TargetsLimits told;                         // Of what is told to the aggregator.
};

// The lines of a table of the struct that holds a list of jobs.
const OptionTable<ScrapeOptions>& ScrapeTable();
const OptionTable<ScrapeJob>& ScrapeJobTable();
// Problems of jobs together: names twice, timeouts over intervals.
void CheckJobs(const std::vector<ScrapeJob>& jobs, const ScrapeOptions& options,
               const ConfigReport& report);

// By Prometheus' name ("PrometheusText0.0.4").
Result<ScrapeProtocol> ParseProtocol(const std::string& name);
std::vector<ScrapeProtocol> ProtocolsOf(const ScrapeJob& job);
// The header Accept.
std::string AcceptHeader(const std::vector<ScrapeProtocol>& protocols);

}  // namespace opssight
