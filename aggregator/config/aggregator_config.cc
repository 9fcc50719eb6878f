#include "aggregator/config/aggregator_config.h"

#include <utility>

#include "aggregator/config/tables.h"
#include "aggregator/promql/syntax/parser.h"
#include "common/bytes/hash.h"
#include "common/config/print.h"
#include "common/otlp/settings.h"

namespace opssight {
namespace {

constexpr const char* kRulesKey = "retention.metrics_rules";

const OptionTable<MetricRuleConfig>& MetricRuleTable() {
  static const OptionTable<MetricRuleConfig> table{
      setting::Value("match", &MetricRuleConfig::match,
                     "Which series: a selector of PromQL, as {job=\"batch\"}.")
          .Required(),
      setting::Duration("keep", &MetricRuleConfig::keep_ms, TimeUnit::kMs,
                        "How long past the end of their day they are kept.")
          .Min(kMsPerSecond * 3600),
  };
  return table;
}

void CheckMetricRules(const AggregatorConfig& config, const ConfigReport& report) {
  for (const MetricRuleConfig& rule : config.metric_rules) {
    if (const auto matchers = promql::ParseMetricSelector(rule.match); !matchers) {
      report(kRulesKey, "match " + rule.match + ": " + matchers.error().message);
    }
    if (config.store.metrics.keep_ms != 0 && rule.keep_ms > config.store.metrics.keep_ms) {
      report(kRulesKey, "match " + rule.match +
                            ": keep is longer than retention.metrics.time: whole days go "
                            "then; raise that, and shorten the others by rules");
    }
  }
}

constexpr std::string_view kAbout =
    "Settings of opssight-aggregator, read from /etc/opssight/aggregator.yaml and then from\n"
    "/etc/opssight/aggregator.d/*.yaml in name order: maps merge, lists append, later values win.";

}  // namespace

const OptionTable<AggregatorConfig>& AggregatorTable() {
  static const OptionTable<AggregatorConfig> table =
      OptionTable<AggregatorConfig>{
          setting::Value("data_dir", &AggregatorConfig::data_dir, "Folder of all that is stored.")
              .Required(),
          setting::Enum("log_level", &AggregatorConfig::log_level,
                        {{"debug", LogLevel::kDebug},
                         {"info", LogLevel::kInfo},
                         {"warn", LogLevel::kWarn},
                         {"error", LogLevel::kError}},
                        "Least level of the aggregator's own log lines.")
              .Live(),
          setting::Section("listen", &AggregatorConfig::listen, ListenTable(),
                           "The HTTP API and the UI."),
          setting::Section("agents", &AggregatorConfig::agents, AgentsTable(),
                           "The agents' connections and their enrolment."),
          setting::Section("agents.session", &AggregatorConfig::ingest, SessionTable(),
                           "One agent's connection."),
          setting::Section("receive.remote_write", &AggregatorConfig::remote_write,
                           RemoteWriteTable(), "Prometheus remote write, at /api/v1/write."),
          setting::Section("receive.otlp", &AggregatorConfig::otlp, OtlpServiceTable(),
                           "OTLP, at /v1/metrics, /v1/logs, /v1/traces and by gRPC."),
          setting::Items("remote_write", &AggregatorConfig::forward, ForwardTable(),
                         "Receivers of Prometheus remote write to which all metrics are sent on."),
          setting::Section("query", &AggregatorConfig::query, QueryTable(),
                           "What one query may cost."),
          setting::Section("retention", &AggregatorConfig::store, RetentionTable(),
                           "How long and how much is kept. Whole days go, the oldest first."),
          setting::Items(kRulesKey, &AggregatorConfig::metric_rules, MetricRuleTable(),
                         "Series that are kept for less time than other metrics. A day is written "
                         "anew without them once it is over by that much."),
          setting::Section("store", &AggregatorConfig::store, StoreTable(),
                           "Commits, flushes and limits of the store."),
          setting::Section("store.metrics", &AggregatorConfig::metrics, MetricsTable(),
                           "Metric blocks."),
          setting::Section(
              "rollups", &AggregatorConfig::rollups, RollupTable(),
              "Buckets of 5 minutes and of an hour, made of metrics' days that are over."),
          setting::Section("store.logs", &AggregatorConfig::logs, LogsTable(), "Log blocks."),
          setting::Section("store.spans", &AggregatorConfig::spans, SpansTable(), "Span blocks."),
      }
          .With(CheckMetricRules);
  return table;
}

AggregatorConfig Resolved(AggregatorConfig config) {
  config.store.dir = config.data_dir;
  config.meta.map_bytes = config.store.meta_map_bytes;
  config.metrics.dir = config.data_dir;
  config.rollups.dir = config.data_dir;
  for (const MetricRuleConfig& rule : config.metric_rules) {
    auto matchers = promql::ParseMetricSelector(rule.match);  // Well: it was checked.
    if (!matchers) continue;
    config.metrics.rules.push_back(
        {.id = Hash64(rule.match), .matchers = *std::move(matchers), .keep_ms = rule.keep_ms});
  }
  config.logs.dir = config.data_dir;
  config.spans.dir = config.data_dir;
  config.gaps.dir = config.data_dir;
  config.remote_write.intake.past_ms = config.store.metrics.keep_ms;
  config.remote_write.batch_limits = config.ingest.limits;  // What replay will take.
  return config;
}

std::string AggregatorReference() {
  return ReferencePage(AggregatorTable(), "# aggregator.yaml\n\n" + std::string(kAbout) +
                                              "\nA change takes effect at the next start, where "
                                              "the table does not say that a reload applies it.");
}

std::string AggregatorExample() {
  return ExampleFile(AggregatorTable(), std::string(kAbout) +
                                            "\nAs it stands it sets nothing: all values are the "
                                            "defaults. Take out a # to set one.");
}

}  // namespace opssight
