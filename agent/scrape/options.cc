#include "agent/scrape/options.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/core.h>

namespace opssight {
namespace {

struct ProtocolName {
  const char* name;
  ScrapeProtocol protocol;
  const char* accept;
};
constexpr ProtocolName kProtocols[] = {
    {"PrometheusProto", ScrapeProtocol::kProtobuf,
     "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
     "encoding=delimited"},
    {"OpenMetricsText1.0.0", ScrapeProtocol::kOpenMetrics1,
     "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8"},
    {"OpenMetricsText0.0.1", ScrapeProtocol::kOpenMetrics001,
     "application/openmetrics-text;version=0.0.1"},
    {"PrometheusText1.0.0", ScrapeProtocol::kText1,
     "text/plain;version=1.0.0;escaping=allow-utf-8"},
    {"PrometheusText0.0.4", ScrapeProtocol::kText004, "text/plain;version=0.0.4"},
};

// name: [value, …], as Prometheus writes params.
class ParamsKind final : public ConfigKind {
 public:
  using Map = std::map<std::string, std::vector<std::string>>;
  void Read(const ConfigNode& node, const std::string& path, void* value,
            ConfigReading& reading) const override {
    if (!ExpectKind(node, ConfigNode::Kind::kMap, path, reading)) return;
    Map map;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      ListKind<std::string>(StringForm())
          .Read(node.items[i], path + "." + node.keys[i], &map[node.keys[i]], reading);
    }
    *static_cast<Map*>(value) = std::move(map);
  }
  ConfigNode Write(const void* value) const override {
    ConfigNode node;
    node.kind = ConfigNode::Kind::kMap;
    for (const auto& [name, values] : *static_cast<const Map*>(value)) {
      node.Append(name, ListKind<std::string>(StringForm()).Write(&values));
    }
    return node;
  }
  std::string name() const override { return "map of lists of text"; }
};

const OptionTable<StaticTargets>& StaticTable() {
  static const OptionTable<StaticTargets> table{
      {"targets", &StaticTargets::targets, "Targets, host:port."},
      {"labels", &StaticTargets::labels, "Labels of all of them."},
  };
  return table;
}

const OptionTable<FileDiscoveryOptions>& FileTable() {
  using Files = FileDiscoveryOptions;
  static const OptionTable<Files> table{
      setting::Value("files", &Files::files,
                     "Globs of files (.json, .yml, .yaml) that list targets.")
          .Required(),
      setting::Duration("refresh_interval", &Files::refresh_ms, TimeUnit::kMs,
                        "They are read when they change, and this often anyhow.")
          .Min(1000),
  };
  return table;
}

const OptionTable<DockerDiscoveryOptions>& DockerTable() {
  using Docker = DockerDiscoveryOptions;
  static const OptionTable<DockerFilter> filter{
      setting::Value("name", &DockerFilter::name, "A filter of Docker's API, such as label.")
          .Required(),
      setting::Value("values", &DockerFilter::values, "Its values.").Required(),
  };
  static const auto table =
      OptionTable<Docker>{
          {"host", &Docker::host, "Docker's API: unix://… or tcp://host:port."},
          setting::Value("port", &Docker::port, "Port of containers that expose none.").Min(1),
          {"host_networking_host", &Docker::host_networking_host,
           "Address of containers in the host's network; a relabel rule may add a port."},
          {"match_first_network", &Docker::match_first_network,
           "Of a container in several networks only the first, by name."},
          setting::Items("filters", &Docker::filters, filter, "Which containers."),
          setting::Duration("refresh_interval", &Docker::refresh_ms, TimeUnit::kMs,
                            "How often Docker is asked.")
              .Min(1000),
          setting::Section("", &Docker::http, HttpTable(), ""),
      }
          .With([](const Docker& docker, const ConfigReport& report) {
            const bool known =
                docker.host.starts_with("unix://") || docker.host.starts_with("tcp://") ||
                docker.host.starts_with("http://") || docker.host.starts_with("https://");
            if (!known) report("host", "must begin with unix://, tcp://, http:// or https://");
          });
  return table;
}

void CheckJob(const ScrapeJob& job, const ConfigReport& report) {
  std::set<std::string> protocols;
  for (const std::string& name : job.protocols) {
    if (const auto known = ParseProtocol(name); !known) {
      report("scrape_protocols", known.error().message);
    }
    if (!protocols.insert(name).second) {
      report("scrape_protocols", fmt::format("\"{}\" is there twice", name));
    }
  }
  if (!job.fallback_protocol.empty()) {
    if (const auto known = ParseProtocol(job.fallback_protocol); !known) {
      report("fallback_scrape_protocol", known.error().message);
    }
  }
  if (job.interval_ms != 0 && job.timeout_ms > job.interval_ms) {
    report("scrape_timeout", "must not be longer than scrape_interval");
  }
  for (const StaticTargets& group : job.static_targets) {
    for (const std::string& target : group.targets) {
      if (target.find('/') != std::string::npos) {
        report("static_configs", fmt::format("\"{}\" is not host:port", target));
      }
    }
  }
}

const std::vector<std::string>& RefusedKeys() {
  static const std::vector<std::string> keys = {"azure_sd_configs",
                                                "consul_sd_configs",
                                                "digitalocean_sd_configs",
                                                "dns_sd_configs",
                                                "dockerswarm_sd_configs",
                                                "ec2_sd_configs",
                                                "eureka_sd_configs",
                                                "gce_sd_configs",
                                                "hetzner_sd_configs",
                                                "http_sd_configs",
                                                "ionos_sd_configs",
                                                "kubernetes_sd_configs",
                                                "kuma_sd_configs",
                                                "lightsail_sd_configs",
                                                "linode_sd_configs",
                                                "marathon_sd_configs",
                                                "nerve_sd_configs",
                                                "nomad_sd_configs",
                                                "openstack_sd_configs",
                                                "ovhcloud_sd_configs",
                                                "puppetdb_sd_configs",
                                                "scaleway_sd_configs",
                                                "serverset_sd_configs",
                                                "stackit_sd_configs",
                                                "triton_sd_configs",
                                                "uyuni_sd_configs",
                                                "vultr_sd_configs",
                                                "metric_name_validation_scheme",
                                                "metric_name_escaping_scheme",
                                                "native_histogram_bucket_limit",
                                                "native_histogram_min_bucket_factor",
                                                "convert_classic_histograms_to_nhcb",
                                                "scrape_failure_log_file"};
  return keys;
}

}  // namespace

Result<ScrapeProtocol> ParseProtocol(const std::string& name) {
  std::vector<std::string> names;
  for (const ProtocolName& one : kProtocols) {
    if (name == one.name) return one.protocol;
    names.emplace_back(one.name);
  }
  return Invalid(fmt::format("\"{}\" is no scrape protocol{}", name, DidYouMean(name, names)));
}

std::vector<ScrapeProtocol> ProtocolsOf(const ScrapeJob& job) {
  std::vector<ScrapeProtocol> out;
  for (const std::string& name : job.protocols) {
    if (const auto known = ParseProtocol(name)) out.push_back(*known);
  }
  if (!out.empty()) return out;
  if (job.native_histograms) out.push_back(ScrapeProtocol::kProtobuf);
  for (const ProtocolName& one : kProtocols) {
    if (one.protocol != ScrapeProtocol::kProtobuf) out.push_back(one.protocol);
  }
  return out;
}

std::string AcceptHeader(const std::vector<ScrapeProtocol>& protocols) {
  std::string out;
  std::size_t weight = std::size(kProtocols) + 1;
  for (const ScrapeProtocol protocol : protocols) {
    for (const ProtocolName& one : kProtocols) {
      if (one.protocol == protocol) out += fmt::format("{};q=0.{},", one.accept, weight);
    }
    --weight;
  }
  return out + fmt::format("*/*;q=0.{}", weight);
}

const OptionTable<ScrapeJob>& ScrapeJobTable() {
  using Job = ScrapeJob;
  static const OptionTable<ScrapeLimits> limits{
      setting::Size("body_size_limit", &ScrapeLimits::body_bytes, "Bytes of an answer, unpacked."),
      {"sample_limit", &ScrapeLimits::samples, "Samples of a scrape, after relabeling."},
      {"label_limit", &ScrapeLimits::labels, "Labels of a series."},
      {"label_name_length_limit", &ScrapeLimits::label_name_bytes, "Bytes of a label's name."},
      {"label_value_length_limit", &ScrapeLimits::label_value_bytes, "Bytes of its value."},
      {"target_limit", &ScrapeLimits::targets, "Targets of the job; above, all of them fail."},
  };
  static const auto table =
      OptionTable<Job>{
          setting::Value("job_name", &Job::job_name, "The label job of its targets. Unique.")
              .Required(),
          setting::Duration("scrape_interval", &Job::interval_ms, TimeUnit::kMs,
                            "How often each target is scraped. 0s: scrape.interval."),
          setting::Duration("scrape_timeout", &Job::timeout_ms, TimeUnit::kMs,
                            "How long an answer may take. 0s: scrape.timeout."),
          {"scrape_protocols", &Job::protocols,
           "Formats asked for, the dearest first. Empty: OpenMetrics and text."},
          {"fallback_scrape_protocol", &Job::fallback_protocol,
           "The format of answers whose Content-Type is missing or unknown. Empty: they fail."},
          {"metrics_path", &Job::metrics_path, "Path of the metrics."},
          setting::Enum("scheme", &Job::scheme, {{"http", "http"}, {"https", "https"}},
                        "http or https."),
          {"params", &Job::params, std::make_shared<const ParamsKind>(), "Parameters of the URL."},
          {"honor_labels", &Job::honor_labels,
           "A label that both target and series have: the series' stays. Else it is renamed "
           "exported_…"},
          {"honor_timestamps", &Job::honor_timestamps, "Take the times that samples bring."},
          {"track_timestamps_staleness", &Job::track_timestamps_staleness,
           "Series that bring times end like others, when they are missing."},
          {"enable_compression", &Job::enable_compression, "Ask for gzip."},
          {"scrape_native_histograms", &Job::native_histograms,
           "Ask for protobuf first, which has native histograms."},
          {"always_scrape_classic_histograms", &Job::classic_too,
           "Of native histograms take the classic buckets, too."},
          {"extra_scrape_metrics", &Job::extra_metrics,
           "Also scrape_timeout_seconds, scrape_sample_limit, scrape_body_size_bytes."},
          setting::Section("", &Job::http, HttpTable(), ""),
          setting::Items("static_configs", &Job::static_targets, StaticTable(),
                         "Targets listed here."),
          setting::Items("file_sd_configs", &Job::files, FileTable(), "Targets listed in files."),
          setting::Items("docker_sd_configs", &Job::docker, DockerTable(),
                         "Containers of a Docker daemon."),
          setting::Items("relabel_configs", &Job::relabel, RelabelTable(),
                         "Rules over targets' labels."),
          setting::Items("metric_relabel_configs", &Job::metric_relabel, RelabelTable(),
                         "Rules over series' labels."),
          setting::Section("", &Job::limits, limits, ""),
          {"keep_dropped_targets", &Job::keep_dropped,
           "Targets dropped by relabeling that are still listed. 0: all, at most 1000."},
      }
          .Refuse(RefusedKeys(), "a key of Prometheus that is not supported here")
          .With([](const Job& job, const ConfigReport& report) { CheckJob(job, report); });
  return table;
}

const OptionTable<ScrapeOptions>& ScrapeTable() {
  using Options = ScrapeOptions;
  static const OptionTable<Options> table{
      setting::Duration("interval", &Options::interval_ms, TimeUnit::kMs,
                        "How often targets are scraped, where their job does not say.")
          .Min(100),
      setting::Duration("timeout", &Options::timeout_ms, TimeUnit::kMs,
                        "How long an answer may take; never longer than the interval.")
          .Min(10),
      setting::Size("body_bytes_max", &Options::body_bytes_max,
                    "Bytes of an answer, unpacked, where body_size_limit does not say.")
          .Min(1 << 10)
          .Max(1 << 30),
      setting::Value("targets_max", &Options::targets_max,
                     "Targets of all jobs; others are not scraped, logged and counted.")
          .Min(1),
      setting::Value("series_max", &Options::series_max, "Series of one target; above, it fails.")
          .Min(1)
          .Max(150'000),
  };
  return table;
}

void CheckJobs(const std::vector<ScrapeJob>& jobs, const ScrapeOptions& options,
               const ConfigReport& report) {
  std::set<std::string> names;
  for (const ScrapeJob& job : jobs) {
    if (!names.insert(job.job_name).second) {
      report("scrape_configs", fmt::format("job_name \"{}\" is there twice", job.job_name));
    }
    const std::int64_t interval_ms = job.interval_ms == 0 ? options.interval_ms : job.interval_ms;
    if (job.timeout_ms > interval_ms) {
      report("scrape_configs",
             fmt::format("{}: scrape_timeout must not be longer than the interval", job.job_name));
    }
  }
}

}  // namespace opssight
