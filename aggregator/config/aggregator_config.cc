#include "aggregator/config/aggregator_config.h"

#include <utility>

#include "aggregator/config/tables.h"
#include "common/config/print.h"

namespace opssight {
namespace {

constexpr std::string_view kAbout =
    "Settings of opssight-aggregator, read from /etc/opssight/aggregator.yaml and then from\n"
    "/etc/opssight/aggregator.d/*.yaml in name order: maps merge, lists append, later values win.";

const OptionTable<LogsOptions>& LogsTable() {
  static const OptionTable<LogsOptions> table{
      setting::Size("block_bytes", &LogsOptions::block_raw_bytes,
                    "Raw size at which a block is closed.")
          .Min(64 << 10)
          .Max(16 << 20),
      setting::Size("transaction_bytes_max", &LogsOptions::transaction_bytes_max,
                    "Bytes written in one transaction of a flush.")
          .Min(64 << 10),
      setting::Size("day_bytes_max", &LogsOptions::map_bytes,
                    "Largest size of one day on disk; address space, not memory.")
          .Min(64 << 20),
  };
  return table;
}

const OptionTable<SpansOptions>& SpansTable() {
  static const OptionTable<SpansOptions> table{
      setting::Value("block_spans", &SpansOptions::block_spans, "Spans at which a block is closed.")
          .Min(16)
          .Max(1 << 20),
      setting::Size("transaction_bytes_max", &SpansOptions::transaction_bytes_max,
                    "Bytes written in one transaction of a flush.")
          .Min(64 << 10),
      setting::Size("day_bytes_max", &SpansOptions::map_bytes,
                    "Largest size of one day on disk; address space, not memory.")
          .Min(64 << 20),
  };
  return table;
}

const OptionTable<MetaOptions>& MetaTableOf() {
  static const OptionTable<MetaOptions> table{
      setting::Size("meta_bytes_max", &MetaOptions::map_bytes,
                    "Largest size of meta.mdb (agents, tokens, state of the store).")
          .Min(16 << 20),
  };
  return table;
}

}  // namespace

const OptionTable<AggregatorConfig>& AggregatorTable() {
  static const OptionTable<AggregatorConfig> table{
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
      setting::Section("query", &AggregatorConfig::query, QueryTable(), "What one query may cost."),
      setting::Section("store", &AggregatorConfig::meta, MetaTableOf(), "Storage."),
      setting::Section("store.logs", &AggregatorConfig::logs, LogsTable(), "Log blocks."),
      setting::Section("store.spans", &AggregatorConfig::spans, SpansTable(), "Span blocks."),
  };
  return table;
}

AggregatorConfig Resolved(AggregatorConfig config) {
  config.logs.dir = config.data_dir;
  config.spans.dir = config.data_dir;
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
