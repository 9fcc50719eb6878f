#include "aggregator/config/tables.h"
#include "aggregator/promql/engine/engine.h"
#include "aggregator/query/matcher.h"

namespace opssight {
namespace {

// LMDB keeps pages alive that a reader may see: a long query makes the wal grow.
constexpr double kQueryTimeoutMaxMs = 600'000;

const OptionTable<QueryLimits>& LimitsTable() {
  static const OptionTable<QueryLimits> table{
      setting::Value("samples_max", &QueryLimits::samples_max,
                     "Samples or lines that one query may look at and keep.")
          .Min(1),
      setting::Value("series_max", &QueryLimits::series_max, "Series that one query may touch.")
          .Min(1),
      setting::Value("trace_spans_max", &QueryLimits::trace_spans_max,
                     "Spans of one trace; a larger one is an error.")
          .Min(1),
  };
  return table;
}

const OptionTable<promql::ParseOptions>& PromqlParseTable() {
  using promql::ParseOptions;
  static const OptionTable<ParseOptions> table{
      {"experimental_functions", &ParseOptions::experimental_functions,
       "Functions and aggregations that Prometheus calls experimental: info, sort_by_label, "
       "limitk, …"},
      {"extended_range_selectors", &ParseOptions::extended_range_selectors,
       "The experimental modifiers anchored and smoothed."},
      {"binop_fill_modifiers", &ParseOptions::binop_fill_modifiers,
       "The experimental modifiers fill, fill_left and fill_right."},
  };
  return table;
}

const OptionTable<promql::EngineOptions>& PromqlTable() {
  using promql::EngineOptions;
  static const OptionTable<EngineOptions> table{
      setting::Section("", &EngineOptions::parse, PromqlParseTable(), ""),
      {"delayed_name_removal", &EngineOptions::delayed_name_removal,
       "Names of metrics are dropped at a query's end, not by each function."},
      {"use_start_timestamps", &EngineOptions::use_start_timestamps,
       "rate, increase and their kin count from a counter's start where it is known."},
      {"type_and_unit_labels", &EngineOptions::type_and_unit_labels,
       "Labels __type__ and __unit__ belong to a metric's name."},
      {"rollups", &EngineOptions::rollups,
       "Rollups answer where they say exactly what samples say."},
      setting::Duration("subquery_step", &EngineOptions::subquery_step_ms, TimeUnit::kMs,
                        "Step of a subquery that names none.")
          .Min(1),
      setting::Value("threads", &EngineOptions::threads, "Threads that one query may use.")
          .Min(1)
          .Max(64),
  };
  return table;
}

const OptionTable<ApiOptions>& ApiTable() {
  static const OptionTable<ApiOptions> table =
      OptionTable<ApiOptions>{
          setting::Duration("lookback", &ApiOptions::lookback_ms, TimeUnit::kMs,
                            "How old a sample may be and still count as the current one.")
              .Min(1),
          setting::Value("points_max", &ApiOptions::points_max,
                         "Points of one series in a range query.")
              .Min(1),
          setting::Value("answer_points_max", &ApiOptions::answer_points_max,
                         "Points of all series in a range query or a range vector.")
              .Min(1),
          setting::Value("lines_max", &ApiOptions::lines_max, "Log lines of one answer.").Min(1),
          setting::Size("query_bytes_max", &ApiOptions::query_bytes_max,
                        "Length of a query's text.")
              .Min(64),
          setting::Section("", &ApiOptions::limits, LimitsTable(), ""),
          {"admin_api", &ApiOptions::admin_api,
           "Whether /api/v1/admin/tsdb/… deletes series and makes snapshots."},
          {"cors_origin", &ApiOptions::cors_origin,
           "Origins whose web pages may read Prometheus' API: a regular expression of all of an "
           "origin. Empty: none."},
          setting::Section("promql", &ApiOptions::engine, PromqlTable(), "The query language."),
      }
          .With([](const ApiOptions& api, const ConfigReport& report) {
            const auto origins = Matcher::Make(MatchType::kRegex, "origin", api.cors_origin);
            if (!origins) report("cors_origin", origins.error().message);
          });
  return table;
}

const OptionTable<CaOptions>& CaTable() {
  static const OptionTable<CaOptions> table{
      setting::Value("ca_days", &CaOptions::ca_days,
                     "Life of the CA made at the first start, in days.")
          .Min(1)
          .Max(36'500),
      setting::Value("server_days", &CaOptions::server_days,
                     "Life of the server's certificate, in days.")
          .Min(1)
          .Max(36'500),
  };
  return table;
}

const OptionTable<RegistryOptions>& RegistryTable() {
  static const OptionTable<RegistryOptions> table{
      setting::Value("certificate_days", &RegistryOptions::certificate_days,
                     "Life of an agent's certificate, in days; renewed by itself.")
          .Min(1)
          .Max(3650),
      setting::Value("agents_max", &RegistryOptions::agents_max,
                     "Agents enrolled; more are refused.")
          .Min(1),
      setting::Value("tokens_max", &RegistryOptions::tokens_max, "Enrolment tokens kept.").Min(1),
  };
  return table;
}

}  // namespace

const OptionTable<ListenConfig>& ListenTable() {
  static const OptionTable<ListenConfig> table =
      OptionTable<ListenConfig>{
          setting::Address(
              "address", &ListenConfig::address,
              "Address of the HTTP API and the UI. Loopback: there are no users and passwords "
              "yet, so open it only to a network where everybody may read everything, or put "
              "a proxy before it."),
          {"aliases", &ListenConfig::aliases,
           "Further ports on the same host, such as [3100, 9093, 16686, 3001], so that clients of "
           "the old services need no edit."},
          {"tls_certificate", &ListenConfig::tls_certificate,
           "PEM file with the certificate chain. Empty: plain HTTP."},
          {"tls_key", &ListenConfig::tls_key, "PEM file with its key."},
      }
          .With([](const ListenConfig& listen, const ConfigReport& report) {
            const bool half = listen.tls_certificate.empty() != listen.tls_key.empty();
            if (!half) return;
            report(listen.tls_key.empty() ? "tls_certificate" : "tls_key",
                   "needs the other of tls_certificate and tls_key too");
          });
  return table;
}

const OptionTable<AgentsConfig>& AgentsTable() {
  static const OptionTable<AgentsConfig> table{
      setting::AddressOrOff(
          "listen", &AgentsConfig::listen,
          "Where agents connect, by TLS with certificates of both sides. Empty: off."),
      {"names", &AgentsConfig::names,
       "DNS names and addresses by which agents reach this machine, for its certificate. Empty: "
       "its host name."},
      setting::Section("", &AgentsConfig::ca, CaTable(), ""),
      setting::Section("", &AgentsConfig::registry, RegistryTable(), ""),
  };
  return table;
}

const OptionTable<QueryConfig>& QueryTable() {
  static const OptionTable<QueryConfig> table{
      setting::Duration("timeout", &QueryConfig::timeout_ms, TimeUnit::kMs,
                        "A query that takes longer is ended with an error.")
          .Min(100)
          .Max(kQueryTimeoutMaxMs),
      setting::Value("concurrency", &QueryConfig::concurrency,
                     "Queries that run at once; others wait.")
          .Min(1)
          .Max(1024),
      setting::Section("", &QueryConfig::api, ApiTable(), ""),
  };
  return table;
}

const OptionTable<SessionOptions>& SessionTable() {
  static const OptionTable<SessionOptions> table =
      OptionTable<SessionOptions>{
          setting::Value("window_batches", &SessionOptions::window_batches,
                         "Batches one agent may send ahead of their acknowledgement.")
              .Min(1),
          setting::Size("window_bytes", &SessionOptions::window_bytes, "The same, in bytes.")
              .Min(64 << 10),
          setting::Size("inflight_bytes_max", &SessionOptions::inflight_bytes_max,
                        "Bytes taken from all agents and not yet committed; above, reading stops.")
              .Min(1 << 20),
          setting::Size("partial_bytes_max", &SessionOptions::partial_bytes_max,
                        "Bytes of incomplete frames of all agents; above, who adds to a large one "
                        "is sent away.")
              .Min(1 << 20),
          setting::Duration("greeting", &SessionOptions::greeting_ms, TimeUnit::kMs,
                            "Time from connecting to the first frame.")
              .Min(100),
          setting::Duration("ping_after", &SessionOptions::ping_after_ms, TimeUnit::kMs,
                            "Silence after which an agent is asked whether it lives.")
              .Min(kMsPerSecond),
          setting::Duration("dead_after", &SessionOptions::dead_after_ms, TimeUnit::kMs,
                            "Silence after which its connection is given up.")
              .Min(kMsPerSecond),
          setting::Duration("challenge", &SessionOptions::challenge_ms, TimeUnit::kMs,
                            "Time for an old session to show that it lives when its agent comes "
                            "again.")
              .Min(100),
          setting::Duration("recheck", &SessionOptions::recheck_ms, TimeUnit::kMs,
                            "A revoked agent's session ends within this.")
              .Min(kMsPerSecond),
          setting::Duration("retry", &SessionOptions::retry_ms, TimeUnit::kMs,
                            "What an agent waits when the store says not now.")
              .Min(10),
      }
          .With([](const SessionOptions& session, const ConfigReport& report) {
            if (session.ping_after_ms >= session.dead_after_ms) {
              report("dead_after", "must be longer than ping_after");
            }
          });
  return table;
}

}  // namespace opssight
