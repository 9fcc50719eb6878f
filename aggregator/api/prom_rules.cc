// rules, alerts, alertmanagers.
#include <algorithm>

#include <fmt/format.h>

#include "aggregator/api/answer.h"
#include "aggregator/api/prom_endpoints.h"
#include "aggregator/api/prom_time.h"
#include "common/bytes/hash.h"
#include "common/text/number.h"
#include "common/text/quote.h"

namespace opssight {
namespace {

struct RuleFilter {
  bool alerting = true;
  bool recording = true;
  bool alerts = true;
  std::vector<std::string_view> names;
  std::vector<std::string_view> groups;
  std::vector<std::string_view> files;
  std::vector<std::vector<Matcher>> matches;
  std::size_t groups_max = 0;  // 0: all.
  std::string_view next;       // Token of the group to begin at.
};

std::vector<std::string_view> Values(const HttpRequest& request, std::string_view name) {
  std::vector<std::string_view> values;
  for (const auto& param : request.params) {
    if (param.first == name) values.push_back(param.second);
  }
  return values;
}

bool Among(const std::vector<std::string_view>& wanted, std::string_view value) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

Result<RuleFilter> ReadFilter(const HttpRequest& request) {
  RuleFilter filter;
  const std::string type = AsciiLower(request.Param("type"));
  if (!type.empty() && type != "alert" && type != "record") {
    return BadParameter("type", "not supported value " + QuoteGo(type));
  }
  filter.alerting = type != "record";
  filter.recording = type != "alert";
  const std::optional<bool> exclude = BoolParameter(request, "exclude_alerts");
  if (!exclude) return BadParameter("exclude_alerts", "error converting exclude_alerts");
  filter.alerts = !*exclude;
  filter.names = Values(request, "rule_name[]");
  filter.groups = Values(request, "rule_group[]");
  filter.files = Values(request, "file[]");
  OPS_TRY(filter.matches, MatchParameters(request));
  filter.next = request.Param("group_next_token");
  if (const std::string_view text = request.Param("group_limit"); !text.empty()) {
    const auto limit = ParseInt<std::int64_t>(text);
    if (!limit || *limit <= 0) {
      return BadParameter("group_limit",
                          "group_limit needs to be a valid number: " + QuoteGo(text));
    }
    filter.groups_max = static_cast<std::size_t>(*limit);
  } else if (!filter.next.empty()) {
    return BadParameter("group_limit",
                        "group_limit needs to be present in order to paginate over the groups");
  }
  return filter;
}

bool Wanted(const RuleFilter& filter, const RuleState& rule) {
  if (!(rule.alerting ? filter.alerting : filter.recording)) return false;
  if (!Among(filter.names, rule.name)) return false;
  if (filter.matches.empty()) return true;
  return std::any_of(filter.matches.begin(), filter.matches.end(),
                     [&](const auto& matchers) { return MatchesAll(matchers, rule.labels); });
}

// Clients only hand it back.
std::string TokenOf(const RuleGroupState& group) {
  return ToHex(HashOf128(group.file + ";" + group.name));
}

std::string ExponentText(double value) {
  if (value - value != 0) return FormatDouble(value);
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  return {buffer, end.ptr};
}

void WriteAlert(JsonWriter& json, const AlertState& alert) {
  json.Open('{').Key("labels");
  WriteLabels(json, alert.labels);
  json.Key("annotations");
  WriteLabels(json, alert.annotations);
  json.Key("state").String(alert.firing ? "firing" : "pending");
  json.Key("activeAt").String(TimeText(alert.active_at_ns));
  if (alert.keep_firing_since_ns != 0) {
    json.Key("keepFiringSince").String(TimeText(alert.keep_firing_since_ns));
  }
  json.Key("value").String(ExponentText(alert.value)).Close('}');
}

std::string_view AlertingState(const RuleState& rule) {
  if (rule.alerts.empty()) return "inactive";
  const bool firing = std::any_of(rule.alerts.begin(), rule.alerts.end(),
                                  [](const AlertState& alert) { return alert.firing; });
  return firing ? "firing" : "pending";
}

void WriteAlertingParts(JsonWriter& json, const RuleState& rule, bool alerts) {
  json.Key("duration").Raw(FormatDouble(rule.for_s));
  json.Key("keepFiringFor").Raw(FormatDouble(rule.keep_firing_for_s)).Key("labels");
  WriteLabels(json, rule.labels);
  json.Key("annotations");
  WriteLabels(json, rule.annotations);
  json.Key("alerts").Open('[');
  if (alerts) {
    for (const AlertState& alert : rule.alerts) WriteAlert(json, alert);
  }
  json.Close(']');
}

void WriteRule(JsonWriter& json, const RuleState& rule, bool alerts) {
  json.Open('{');
  if (rule.alerting) json.Key("state").String(AlertingState(rule));
  json.Key("name").String(rule.name).Key("query").String(rule.query);
  if (rule.alerting) {
    WriteAlertingParts(json, rule, alerts);
  } else if (!rule.labels.empty()) {
    json.Key("labels");
    WriteLabels(json, rule.labels);
  }
  const bool known = rule.last_evaluation_ns != 0;
  json.Key("health").String(!known ? "unknown" : rule.healthy ? "ok" : "err");
  if (!rule.last_error.empty()) json.Key("lastError").String(rule.last_error);
  json.Key("evaluationTime").Raw(FormatDouble(rule.evaluation_s));
  json.Key("lastEvaluation").String(TimeText(rule.last_evaluation_ns));
  json.Key("type").String(rule.alerting ? "alerting" : "recording").Close('}');
}

void WriteGroup(JsonWriter& json, const RuleGroupState& group,
                const std::vector<const RuleState*>& rules, bool alerts) {
  json.Open('{').Key("name").String(group.name).Key("file").String(group.file);
  json.Key("rules").Open('[');
  for (const RuleState* rule : rules) WriteRule(json, *rule, alerts);
  json.Close(']').Key("interval").Raw(FormatDouble(group.interval_s));
  json.Key("limit").Int(group.limit);
  json.Key("evaluationTime").Raw(FormatDouble(group.evaluation_s));
  json.Key("lastEvaluation").String(TimeText(group.last_evaluation_ns)).Close('}');
}

std::vector<RuleGroupState> Groups(const PromContext& context) {
  return context.sources.rules == nullptr ? std::vector<RuleGroupState>()
                                          : context.sources.rules->Groups();
}

// Where the page begins; nothing where the token names no group.
std::optional<std::size_t> FirstGroup(const std::vector<RuleGroupState>& groups,
                                      std::string_view token) {
  if (token.empty()) return 0;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (TokenOf(groups[i]) == token) return i;
  }
  return std::nullopt;
}

}  // namespace

PromResult AnswerRules(const PromContext& context, const PromCall& call) {
  OPS_TRY(const RuleFilter filter, ReadFilter(call.request));
  const std::vector<RuleGroupState> groups = Groups(context);
  const auto first = FirstGroup(groups, filter.next);
  if (!first) {
    return BadData("invalid parameter \"group_next_token\": invalid group_next_token '" +
                   std::string(filter.next) + "'. were rule groups changed?");
  }
  const bool narrowed = !filter.names.empty() || !filter.matches.empty();
  std::string next;
  std::size_t written = 0;
  JsonWriter json;
  OpenSuccess(json);
  json.Open('{').Key("groups").Open('[');
  for (std::size_t i = *first; i < groups.size(); ++i) {
    const RuleGroupState& group = groups[i];
    if (!Among(filter.groups, group.name) || !Among(filter.files, group.file)) continue;
    std::vector<const RuleState*> rules;
    for (const RuleState& rule : group.rules) {
      if (Wanted(filter, rule)) rules.push_back(&rule);
    }
    if (rules.empty() && narrowed) continue;
    if (filter.groups_max != 0 && written == filter.groups_max) {
      next = TokenOf(group);
      break;
    }
    WriteGroup(json, group, rules, filter.alerts);
    ++written;
  }
  json.Close(']');
  if (!next.empty()) json.Key("groupNextToken").String(next);
  json.Close('}');
  return CloseSuccess(std::move(json));
}

PromResult AnswerAlerts(const PromContext& context, const PromCall&) {
  JsonWriter json;
  OpenSuccess(json);
  json.Open('{').Key("alerts").Open('[');
  for (const RuleGroupState& group : Groups(context)) {
    for (const RuleState& rule : group.rules) {
      for (const AlertState& alert : rule.alerts) WriteAlert(json, alert);
    }
  }
  json.Close(']').Close('}');
  return CloseSuccess(std::move(json));
}

// Alerts are sent by this program itself, to nobody else that could be named here.
PromResult AnswerAlertmanagers(const PromContext&, const PromCall&) {
  JsonWriter json;
  OpenSuccess(json);
  json.Open('{').Key("activeAlertmanagers").Open('[').Close(']');
  json.Key("droppedAlertmanagers").Open('[').Close(']').Close('}');
  return CloseSuccess(std::move(json));
}

}  // namespace opssight
