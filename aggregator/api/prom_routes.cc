#include "aggregator/api/prom_routes.h"

#include <algorithm>
#include <array>

#include "aggregator/api/prom_endpoints.h"

namespace opssight {
namespace {

constexpr unsigned kGet = PromRoute::kGet;
constexpr unsigned kPost = PromRoute::kPost;
constexpr unsigned kPut = PromRoute::kPut;

constexpr auto kRoutes = std::to_array<PromRoute>({
    {"query", kGet | kPost, AnswerQuery, "A query at one time.",
     "query! time timeout limit lookback_delta stats"},
    {"query_range", kGet | kPost, AnswerQueryRange, "A query at all steps of a range of time.",
     "query! start! end! step! timeout limit lookback_delta stats"},
    {"query_exemplars", kGet | kPost, AnswerExemplars, "Exemplars of the series of a query.",
     "query! start end"},
    {"format_query", kGet | kPost, AnswerFormatQuery, "A query, written out over lines.", "query!"},
    {"parse_query", kGet | kPost, AnswerParseQuery, "The tree of a query.", "query!"},
    {"labels", kGet | kPost, AnswerLabels, "Names of labels.", "start end match[] limit"},
    {"series", kGet | kPost, AnswerSeries, "Label sets of series.", "match[]! start end limit"},
    {"metadata", kGet, AnswerMetadata, "Type, help and unit of metrics.",
     "limit limit_per_metric metric"},
    {"targets", kGet, AnswerTargets, "Scrape targets of all agents.", "state scrapePool"},
    {"targets/metadata", kGet, AnswerTargetsMetadata, "Type, help and unit of targets' metrics.",
     "match_target metric limit"},
    {"targets/relabel_steps", kGet, AnswerRelabelSteps,
     "What each relabeling rule of a job makes of labels.", "scrapePool! labels!"},
    {"scrape_pools", kGet, AnswerScrapePools, "Names of scrape jobs.", ""},
    {"scrape_pools/config", kGet, AnswerScrapePoolConfig, "A scrape job's configuration.",
     "scrapePool!"},
    {"rules", kGet, AnswerRules, "Alerting and recording rules.",
     "type rule_name[] rule_group[] file[] exclude_alerts match[] group_limit group_next_token"},
    {"alerts", kGet, AnswerAlerts, "Alerts that are pending or fire.", ""},
    {"alertmanagers", kGet, AnswerAlertmanagers, "Where alerts are sent.", ""},
    {"status/config", kGet, AnswerStatusConfig, "The configuration in effect.", ""},
    {"status/flags", kGet, AnswerStatusFlags, "Settings under the names of Prometheus' flags.", ""},
    {"status/runtimeinfo", kGet, AnswerRuntimeInfo, "What the program is doing.", ""},
    {"status/buildinfo", kGet, AnswerBuildInfo, "Which program it is.", ""},
    {"status/tsdb", kGet, AnswerStatusTsdb, "What makes the most series.", "limit"},
    {"status/tsdb/blocks", kGet, AnswerStatusTsdbBlocks, "The days that are stored.", ""},
    {"status/walreplay", kGet, AnswerWalReplay, "How far the start is.", ""},
    {"status/self_metrics", kGet, AnswerSelfMetrics, "The program's own metrics.",
     "metric_name_pattern"},
    {"notifications", kGet, AnswerNotifications, "What an operator should know.", ""},
    {"notifications/live", kGet, AnswerNotificationsLive, "No place is free: 204.", ""},
    {"features", kGet, AnswerFeatures, "What of language and API is on.", ""},
    {"openapi.yaml", kGet, AnswerOpenApi, "This description.", ""},
    {"admin/tsdb/delete_series", kPost | kPut, AnswerDeleteSeries, "Deletes series.",
     "match[]! start end"},
    {"admin/tsdb/clean_tombstones", kPost | kPut, AnswerCleanTombstones,
     "Gives back the disk that deleted series take.", ""},
    {"admin/tsdb/snapshot", kPost | kPut, AnswerSnapshot, "Copies the store.", "skip_head"},
});

}  // namespace

std::span<const PromRoute> PromRoutes() {
  return kRoutes;
}

const PromRoute* FindPromRoute(std::string_view path) {
  const auto* found = std::find_if(kRoutes.begin(), kRoutes.end(),
                                   [&](const PromRoute& route) { return route.path == path; });
  return found == kRoutes.end() ? nullptr : found;
}

}  // namespace opssight
