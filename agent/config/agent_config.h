// The agent's settings: /etc/opssight/agent.yaml, agent.d/*.yaml and scrape.d/*.yaml as one struct,
// made of the options of the parts. What each is for stands in the tables
// (agent_config.cc, tail_table.cc) and in packaging/config/agent.reference.md, which
// is made from them.
//
//   LoadedConfig<AgentConfig> loaded = LoadConfig(AgentTable(), sources, environment);
//   const AgentConfig config = Resolved(std::move(loaded.options), hostname, folder);
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/batch/options.h"
#include "agent/collect/host_collector.h"
#include "agent/scrape/options.h"
#include "agent/ship/agent_session.h"
#include "agent/spool/spool.h"
#include "agent/tail/options.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/config/table.h"
#include "common/model/labels.h"
#include "common/otlp/service.h"

namespace opssight {

struct CollectConfig {
  std::int64_t interval_ms = 10 * kMsPerSecond;
  HostOptions host;
};

struct OtlpConfig {
  std::string grpc_listen = "127.0.0.1:4317";  // "": off.
  std::string http_listen = "127.0.0.1:4318";
  OtlpOptions service;
};

struct AgentConfig {
  std::string host;           // "": the machine's name; see Resolved.
  std::string host_root;      // "", or where the host's / is mounted.
  std::vector<Label> labels;  // Of all it sends, where there is none of that name.
  std::string data_dir = "/var/lib/opssight-agent";
  LogLevel log_level = LogLevel::kInfo;
  std::string aggregator;  // "host:port"; "": the one enrolled with.
  CollectConfig collect;
  TailOptions tail;
  OtlpConfig otlp;
  ScrapeOptions scrape;
  std::vector<ScrapeJob> scrape_configs;
  BatchOptions batch;
  SpoolOptions spool;
  AgentSessionOptions ship;  // agent_version and fingerprint are not settings.
};

const OptionTable<AgentConfig>& AgentTable();

// With what several parts share copied into each: host (hostname where it is not
// set), host_root, labels, and the spool's path below data_dir. Relative files of scrape
// jobs are below folder, the one of agent.yaml ("": the working folder).
AgentConfig Resolved(AgentConfig config, const std::string& hostname, const std::string& folder);

// The generated files of packaging/config.
std::string AgentReference();
std::string AgentExample();

}  // namespace opssight
