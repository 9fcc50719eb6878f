// status/config, flags, runtimeinfo, buildinfo, walreplay; notifications.
#include <thread>

#include "aggregator/api/answer.h"
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

void WriteBuild(const PromContext& context, JsonWriter& json) {
  const ServerInfo& info = Info(context);
  json.Open('{').Key("version").String(kPrometheusVersion);
  json.Key("revision").String(info.revision);
  json.Key("branch")
      .String("opssight-" + info.version)
      .Key("buildUser")
      .String("")
      .Key("buildDate")
      .String("");
  json.Key("goVersion").String("").Close('}');
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
  JsonWriter json;
  OpenSuccess(json);
  WriteBuild(context, json);
  return CloseSuccess(std::move(json));
}

HttpResponse AnswerVersion(const PromContext& context) {
  JsonWriter json;
  WriteBuild(context, json);
  return JsonResponse(200, json.Take());
}

// Prometheus counts segments; here it is entries.
PromResult AnswerWalReplay(const PromContext& context, const PromCall&) {
  const ServerInfo& info = Info(context);
  const WalReplay replay = info.wal_replay ? info.wal_replay() : WalReplay{};
  JsonWriter json;
  OpenSuccess(json);
  json.Open('{').Key("min").Int(0).Key("max").Raw(std::to_string(replay.entries));
  json.Key("current").Raw(std::to_string(replay.done)).Close('}');
  return CloseSuccess(std::move(json));
}

PromResult AnswerNotifications(const PromContext& context, const PromCall&) {
  const ServerInfo& info = Info(context);
  JsonWriter json;
  OpenSuccess(json);
  json.Open('[');
  if (info.reload_ok && !info.reload_ok()) {
    json.Open('{').Key("text").String("Configuration reload has failed.");
    json.Key("date").String(MsText(info.reload_ms ? info.reload_ms() : info.start_ms));
    json.Key("active").Raw("true").Close('}');
  }
  json.Close(']');
  return CloseSuccess(std::move(json));
}

// As Prometheus with all places taken: who gets 204 asks for the list now and then.
PromResult AnswerNotificationsLive(const PromContext&, const PromCall&) {
  return HttpResponse{.status = 204};
}

}  // namespace opssight
