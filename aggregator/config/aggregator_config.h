// The aggregator's settings: /etc/opssight/aggregator.yaml and aggregator.d/*.yaml
// as one struct, made of the options of the parts. What each is for stands in the
// table (aggregator_config.cc) and in packaging/config/aggregator.reference.md, which
// is made from it.
//
// HTTP listens on loopback unless told otherwise: there are no users and passwords
// yet, so whoever reaches the port reads everything (the OpenTelemetry collector
// moved to loopback after its audit). Agents come with certificates, so their port
// is open to the network.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "aggregator/api/options.h"
#include "aggregator/enrol/ca_files.h"
#include "aggregator/enrol/registry.h"
#include "aggregator/forward/options.h"
#include "aggregator/ingest/server_session.h"
#include "aggregator/inputs/remote_write.h"
#include "aggregator/store/gaps/gaps_store.h"
#include "aggregator/store/logs/logs_store.h"
#include "aggregator/store/meta_table.h"
#include "aggregator/store/metrics/metrics_store.h"
#include "aggregator/store/rollup/rollup_store.h"
#include "aggregator/store/spans/spans_store.h"
#include "aggregator/store/store_options.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/config/table.h"
#include "common/otlp/service.h"

namespace opssight {

struct ListenConfig {
  std::string address = "127.0.0.1:9090";
  std::vector<std::uint16_t> aliases;  // Further ports on the same host.
  std::string tls_certificate;         // Files; both or none.
  std::string tls_key;
};

struct AgentsConfig {
  std::string listen = ":9095";
  std::vector<std::string> names;  // DNS names and addresses agents know this machine by.
  CaOptions ca;
  RegistryOptions registry;
};

struct QueryConfig {
  std::int64_t timeout_ms = 30 * kMsPerSecond;
  std::size_t concurrency = 4;
  ApiOptions api;
};

struct MetricRuleConfig {
  std::string match;  // A series selector of PromQL.
  std::int64_t keep_ms = 0;
};

struct AggregatorConfig {
  std::string data_dir = "/var/lib/opssight";
  LogLevel log_level = LogLevel::kInfo;
  ListenConfig listen;
  AgentsConfig agents;
  QueryConfig query;
  SessionOptions ingest;
  StoreOptions store;
  MetricsOptions metrics;
  RollupOptions rollups;
  std::vector<MetricRuleConfig> metric_rules;
  LogsOptions logs;
  SpansOptions spans;
  GapsOptions gaps;
  RemoteWriteOptions remote_write;
  OtlpOptions otlp;
  std::vector<ForwardOptions> forward;  // `remote_write`, as Prometheus calls it.
  MetaOptions meta;                     // As store.meta_map_bytes says; see Resolved.
};

const OptionTable<AggregatorConfig>& AggregatorTable();

// With what several parts share copied into each: data_dir, the size of meta.mdb.
AggregatorConfig Resolved(AggregatorConfig config);

// The generated files of packaging/config.
std::string AggregatorReference();
std::string AggregatorExample();

}  // namespace opssight
