// targets/relabel_steps: what each relabeling rule of a job makes of given labels.
#include <map>

#include "aggregator/api/answer.h"
#include "aggregator/api/prom_endpoints.h"
#include "aggregator/api/prom_targets.h"
#include "common/config/node.h"
#include "common/config/read_tree.h"
#include "common/config/yaml.h"
#include "common/relabel/relabel.h"

namespace opssight {
namespace {

struct Rule {
  RelabelOptions options;
  std::string action;
};

// The rules in the configuration that the agent told.
Result<std::vector<Rule>> RulesOf(const ScrapePool& pool) {
  ConfigProblems problems;
  std::map<std::string, ConfigOrigin> origins;
  ConfigReading reading{.problems = problems, .origins = origins};
  const ConfigNode config = ParseYaml(pool.name, pool.config_yaml, YamlLimits{}, problems);
  std::vector<Rule> rules;
  if (const ConfigNode* list = config.Find("relabel_configs"); list != nullptr && list->is_list()) {
    for (const ConfigNode& item : list->items) {
      Rule& rule = rules.emplace_back();
      const ConfigNode* action = item.Find("action");
      rule.action = action == nullptr ? "replace" : action->text;
      ReadTree(RelabelTable().specs(), item, "relabel_configs", &rule.options, reading);
    }
  }
  if (problems.empty()) return rules;
  return Invalid("error getting scrape config: " + problems.list().front().ToString());
}

// {"name":"value",…}; JSON is YAML.
Result<std::vector<Label>> LabelsParameter(const HttpRequest& request) {
  const std::string text(request.Param("labels"));
  if (text.empty()) return Invalid("no labels parameter provided");
  ConfigProblems problems;
  const ConfigNode node = ParseYaml("labels", text, YamlLimits{}, problems);
  std::vector<Label> labels;
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    if (!node.items[i].is_text()) return Invalid("error parsing labels: a value is no text");
    labels.push_back({.name = node.keys[i], .value = node.items[i].text});
  }
  if (problems.empty()) return labels;
  return Invalid("error parsing labels: " + problems.list().front().ToString());
}

void WriteRule(const Rule& rule, JsonWriter& json) {
  const RelabelOptions& options = rule.options;
  const auto put = [&json](std::string_view key, std::string_view value) {
    if (!value.empty()) json.Key(key).String(value);
  };
  json.Open('{');
  if (!options.source_labels.empty()) {
    json.Key("source_labels").Open('[');
    for (const std::string& name : options.source_labels) json.String(name);
    json.Close(']');
  }
  put("separator", options.separator);
  put("regex", options.regex);
  if (options.modulus != 0) json.Key("modulus").Raw(std::to_string(options.modulus));
  put("target_label", options.target_label);
  put("replacement", options.replacement);
  put("action", rule.action);
  json.Close('}');
}

}  // namespace

PromResult AnswerRelabelSteps(const PromContext& context, const PromCall& call) {
  const AllPools all(context);
  OPS_TRY(const ScrapePool* pool, PoolParameter(all, call.request));
  OPS_TRY(std::vector<Label> labels, LabelsParameter(call.request));
  OPS_TRY(const std::vector<Rule> rules, RulesOf(*pool));
  bool keep = true;
  JsonWriter json;
  OpenSuccess(json);
  json.Open('{').Key("steps").Open('[');
  for (const Rule& rule : rules) {
    OPS_TRY(const Relabeler relabeler, Relabeler::Make({rule.options}));
    keep = keep && relabeler.Apply(labels);
    if (!keep) labels.clear();
    json.Open('{').Key("rule");
    WriteRule(rule, json);
    json.Key("output");
    WriteLabels(json, Labels(labels));
    json.Key("keep").Raw(keep ? "true" : "false").Close('}');
  }
  json.Close(']').Close('}');
  return CloseSuccess(std::move(json));
}

}  // namespace opssight
