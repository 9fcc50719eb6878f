// status/config, flags, runtimeinfo, buildinfo, walreplay.
#include <thread>

#include "aggregator/api/prom_endpoints.h"
#include "aggregator/api/prom_time.h"

namespace opssight {
namespace {

// Whose API this is. Clients look here for what they may ask: Grafana's data source reads
// the version, and takes a server that says "features" here for another product.
constexpr std::string_view kPrometheusVersion = "3.14.0";

const ServerInfo& Info(const PromContext& context) {
  static const ServerInfo none;
  return context.sources.server == nullptr ? none : *context.sources.server;
}

std::string MsText(std::int64_t time_ms) {
  return TimeText(time_ms * kNsPerMs);
}

}  // namespace

PromResult AnswerStatusConfig(const PromContext& context, const PromCall&) {
  const ServerInfo& info = Info(context);
  JsonWriter json;
  OpenSuccess(json);
  json.Open('{').Key("yaml").String(info.config_yaml ? info.config_yaml() : "").Close('}');
  return CloseSuccess(std::move(json));
}

PromResult AnswerStatusFlags(const PromContext& context, const PromCall&) {
  JsonWriter json;
  OpenSuccess(json);
  json.Open('{');
  for (const auto& [name, value] : Info(context).flags) json.Key(name).String(value);
  json.Close('}');
  return CloseSuccess(std::move(json));
}

// The Go runtime's settings are those of a program that has none.
PromResult AnswerRuntimeInfo(const PromContext& context, const PromCall&) {
  const ServerInfo& info = Info(context);
  const bool reload_ok = !info.reload_ok || info.reload_ok();
  JsonWriter json;
  OpenSuccess(json);
  json.Open('{').Key("startTime").String(MsText(info.start_ms));
  json.Key("CWD").String(info.working_dir).Key("hostname").String(info.hostname);
  json.Key("serverTime").String(MsText(context.clock.WallMs()));
  json.Key("reloadConfigSuccess").Raw(reload_ok ? "true" : "false");
  json.Key("lastConfigTime").String(MsText(info.config_ms ? info.config_ms() : info.start_ms));
  json.Key("corruptionCount")
      .Raw(std::to_string(info.corruptions ? info.corruptions() : std::uint64_t{0}));
  json.Key("goroutineCount").Raw("0");
  json.Key("GOMAXPROCS").Raw(std::to_string(std::thread::hardware_concurrency()));
  json.Key("GOMEMLIMIT").Raw("9223372036854775807").Key("GOGC").String("").Key("GODEBUG");
  json.String("").Key("storageRetention").String(info.retention).Close('}');
  return CloseSuccess(std::move(json));
}

PromResult AnswerBuildInfo(const PromContext& context, const PromCall&) {
  const ServerInfo& info = Info(context);
  JsonWriter json;
  OpenSuccess(json);
  json.Open('{').Key("version").String(kPrometheusVersion);
  json.Key("revision").String(info.revision);
  json.Key("branch")
      .String("opssight-" + info.version)
      .Key("buildUser")
      .String("")
      .Key("buildDate")
      .String("");
  json.Key("goVersion").String("").Close('}');
  return CloseSuccess(std::move(json));
}

// Once queries are answered nothing is left to be read back.
PromResult AnswerWalReplay(const PromContext&, const PromCall&) {
  JsonWriter json;
  OpenSuccess(json);
  json.Open('{').Key("min").Int(0).Key("max").Int(0).Key("current").Int(0).Close('}');
  return CloseSuccess(std::move(json));
}

}  // namespace opssight
