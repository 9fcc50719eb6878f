#include "aggregator/main/server_info.h"

#include <array>
#include <filesystem>
#include <unistd.h>

#include "common/config/print.h"
#include "common/selfmon/build_info.h"
#include "common/text/units.h"

namespace opssight {
namespace {

constexpr std::size_t kHostNameMax = 256;

std::string HostName() {
  std::array<char, kHostNameMax> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

std::string WorkingDir() {
  std::error_code error;
  const std::filesystem::path dir = std::filesystem::current_path(error);
  return error ? std::string() : dir.string();
}

std::string Yes(bool value) {
  return value ? "true" : "false";
}

// Settings of ours under the names of Prometheus' flags, for tools that look for them.
std::map<std::string, std::string> Flags(const AggregatorConfig& config) {
  const ApiOptions& api = config.query.api;
  return {{"query.lookback-delta", FormatPromDurationMs(api.lookback_ms)},
          {"query.max-concurrency", std::to_string(config.query.concurrency)},
          {"query.max-samples", std::to_string(api.limits.samples_max)},
          {"query.timeout", FormatPromDurationMs(config.query.timeout_ms)},
          {"storage.tsdb.path", config.data_dir},
          {"storage.tsdb.retention.time", FormatPromDurationMs(config.store.metrics.keep_ms)},
          {"web.cors.origin", api.cors_origin},
          {"web.enable-admin-api", Yes(api.admin_api)},
          {"web.enable-lifecycle", Yes(true)},
          {"web.enable-remote-write-receiver", Yes(true)},
          {"web.listen-address", config.listen.address}};
}

}  // namespace

ServerInfo MakeServerInfo(const AggregatorConfig& config, std::int64_t start_ms) {
  ServerInfo info;
  info.version = ThisBuild().version;
  info.revision = ThisBuild().revision;
  info.hostname = HostName();
  info.working_dir = WorkingDir();
  info.start_ms = start_ms;
  info.retention = FormatPromDurationMs(config.store.metrics.keep_ms);
  info.flags = Flags(config);
  info.config_yaml = [&config] { return PrintConfig(AggregatorTable(), config, {}); };
  return info;
}

std::vector<StoredDayFacts> StoredDays(const std::vector<MetricDayInfo>& days) {
  std::vector<StoredDayFacts> out;
  for (const MetricDayInfo& day : days) {
    out.push_back({.from_ms = day.day * kMsPerDay,
                   .to_ms = (day.day + 1) * kMsPerDay,
                   .bytes = day.bytes,
                   .generation = day.seal.generation,
                   .series = day.seal.series,
                   .samples = day.seal.samples,
                   .histograms = day.seal.histograms});
  }
  return out;
}

}  // namespace opssight
