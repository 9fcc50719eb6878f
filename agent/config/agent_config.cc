#include "agent/config/agent_config.h"

#include <utility>

#include "agent/config/labels_kind.h"
#include "agent/config/tables.h"
#include "common/base/files.h"
#include "common/config/print.h"
#include "common/fetch/http_options.h"

namespace opssight {
namespace {

constexpr std::string_view kAbout =
    "Settings of opssight-agent, read from /etc/opssight/agent.yaml and then from\n"
    "/etc/opssight/agent.d/*.yaml in name order: maps merge, lists append, later values win.\n"
    "/etc/opssight/scrape.d/*.yaml is read last, in the same way: a place for scrape_configs.";

const OptionTable<HostOptions>& HostTable() {
  static const OptionTable<HostOptions> table{
      setting::Value("processes_top", &HostOptions::processes_top,
                     "Processes reported, by CPU and by memory, each. 0: none.")
          .Max(1000),
      setting::Value("host_job", &HostOptions::host_job,
                     "The label job of the host's series, by which public dashboards select.")
          .Required(),
      setting::Value("container_job", &HostOptions::container_job,
                     "The label job of containers' series.")
          .Required(),
      setting::Value("socket_rounds", &HostOptions::socket_rounds,
                     "TCP states and UDP queues are read at every so manieth round, as the kernel "
                     "walks its whole table of sockets for them. 0: never."),
      setting::Value("services", &HostOptions::services,
                     "Also report the control groups of systemd's services, as containers are."),
      setting::Value("remote_filesystems", &HostOptions::remote_filesystems,
                     "Also report the size of NFS, CIFS, FUSE and the like. The agent waits for "
                     "their answer, with all else it does, when a server is away."),
      setting::Value("mounts_max", &HostOptions::mounts_max,
                     "File systems reported; what is over it is left out and logged.")
          .Min(1),
      setting::Value("cgroups_max", &HostOptions::cgroups_max,
                     "Control groups looked at for containers in a round.")
          .Min(1),
  };
  return table;
}

const OptionTable<CollectConfig>& CollectTable() {
  static const OptionTable<CollectConfig> table{
      setting::Duration("interval", &CollectConfig::interval_ms, TimeUnit::kMs,
                        "Time between two rounds of host and container metrics.")
          .Min(kMsPerSecond)
          .Max(static_cast<double>(3600 * kMsPerSecond)),
      setting::Section("", &CollectConfig::host, HostTable(), ""),
  };
  return table;
}

}  // namespace

const OptionTable<AgentConfig>& AgentTable() {
  static const auto table =
      OptionTable<AgentConfig>{
          {"host", &AgentConfig::host,
           "Name of this host, the label host of all it sends. Empty: the machine's host name."},
          {"host_root", &AgentConfig::host_root,
           "Where the host's / is mounted when the agent runs in a container, such as /host."},
          {"labels", &AgentConfig::labels, std::make_shared<const LabelsKind>(),
           "Labels of all series and log streams it sends that have none of that name."},
          setting::Value("data_dir", &AgentConfig::data_dir,
                         "Folder of the identity and the spool.")
              .Required(),
          setting::Enum("log_level", &AgentConfig::log_level,
                        {{"debug", LogLevel::kDebug},
                         {"info", LogLevel::kInfo},
                         {"warn", LogLevel::kWarn},
                         {"error", LogLevel::kError}},
                        "Least level of the agent's own log lines."),
          setting::AddressOrOff(
              "aggregator.address", &AgentConfig::aggregator,
              "Where to send, host:port. Empty: the aggregator this agent was enrolled with."),
          setting::Section("collect", &AgentConfig::collect, CollectTable(),
                           "Host and container metrics from /proc, /sys and control groups."),
          setting::Section("tail", &AgentConfig::tail, TailTable(),
                           "Container logs and plain log files."),
          setting::Section("otlp", &AgentConfig::otlp, OtlpTable(),
                           "OpenTelemetry: metrics, logs and traces by gRPC and HTTP."),
          setting::Section("scrape", &AgentConfig::scrape, ScrapeTable(),
                           "Scraping of Prometheus targets: what holds for all jobs."),
          setting::Items(
              "scrape_configs", &AgentConfig::scrape_configs, ScrapeJobTable(),
              "Prometheus' scrape jobs, in its own words; lists of several files append."),
          setting::Section("batch", &AgentConfig::batch, BatchTable(),
                           "Records gathered into batches on their way to the spool."),
          setting::Section("spool", &AgentConfig::spool, SpoolTable(),
                           "The queue on disk, in data_dir."),
          setting::Section("ship", &AgentConfig::ship, ShipTable(),
                           "The connection to the aggregator."),
      }
          .With([](const AgentConfig& config, const ConfigReport& report) {
            CheckJobs(config.scrape_configs, config.scrape, report);
          });
  return table;
}

namespace {

void PutJobFilesBelow(const std::string& folder, ScrapeJob& job) {
  PutFilesBelow(folder, job.http);
  for (DockerDiscoveryOptions& docker : job.docker) PutFilesBelow(folder, docker.http);
  for (FileDiscoveryOptions& files : job.files) {
    for (std::string& path : files.files) path = PathBelow(folder, path);
  }
}

}  // namespace

AgentConfig Resolved(AgentConfig config, const std::string& hostname, const std::string& folder) {
  if (config.host.empty()) config.host = hostname;
  config.collect.host.host = config.host;
  config.collect.host.host_root = config.host_root;
  config.tail.host = config.host;
  config.tail.host_root = config.host_root;
  config.collect.host.labels = config.labels;
  config.tail.labels = config.labels;
  std::vector<Label> all = config.labels;
  std::erase_if(all, [](const Label& label) { return label.name == "host"; });
  all.push_back({"host", config.host});
  config.otlp.service.metrics.labels = all;
  config.scrape.labels = all;
  config.scrape.host = config.host;
  config.otlp.service.stream_labels = std::move(all);
  config.spool.path = config.data_dir + "/spool.mdb";
  config.ship.host = config.host;
  for (ScrapeJob& job : config.scrape_configs) PutJobFilesBelow(folder, job);
  return config;
}

std::string AgentReference() {
  return ReferencePage(AgentTable(),
                       "# agent.yaml\n\n" + std::string(kAbout) +
                           "\nA reload (SIGHUP) applies every change: the agent starts "
                           "anew in its process.");
}

std::string AgentExample() {
  return ExampleFile(AgentTable(), std::string(kAbout) +
                                       "\nAs it stands it sets nothing: all values are the "
                                       "defaults. Take out a # to set one.");
}

}  // namespace opssight
