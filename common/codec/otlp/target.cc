#include "common/codec/otlp/target.h"

#include <algorithm>
#include <map>
#include <utility>

#include "common/codec/otlp/names.h"
#include "schemas/otlp.pb.h"

namespace opssight::otlp {
namespace {

bool Has(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

bool Identifies(const std::string& key) {
  return key == "service.name" || key == "service.namespace" || key == "service.instance.id";
}

}  // namespace

bool ByName(const Label& a, const Label& b) {
  return a.name < b.name;
}

bool Target::Promotes(const std::string& key) const {
  const OtlpTranslation& translation = options_.translation;
  if (translation.promote_all) return !Has(translation.ignore, key);
  return Has(translation.promote, key);
}

void Target::Resource(const wire::otlp::Resource& resource, std::string& key) {
  job_.clear();
  instance_.clear();
  resource_.clear();
  std::string service, service_namespace;
  std::vector<Given> promoted;
  const std::size_t most = options_.limits.label_value_bytes_max;
  const int count = values_.Usable(resource.attributes());
  for (int i = 0; i < count; ++i) {
    const auto& attribute = resource.attributes(i);
    std::string value = values_.ToText(attribute.value(), most);
    AppendLabelKey(attribute.key(), value, key);
    if (Promotes(attribute.key()) && !value.empty()) {
      auto name = LabelName(values_.Key(attribute.key()), options_.translation);
      if (name && *name != kMetricName) {
        promoted.push_back({.label = {.name = *std::move(name), .value = value}});
      }
    }
    if (attribute.key() == "service.name")
      service = std::move(value);
    else if (attribute.key() == "service.namespace")
      service_namespace = std::move(value);
    else if (attribute.key() == "service.instance.id")
      instance_ = std::move(value);
  }
  if (!service.empty()) {
    job_ = service_namespace.empty() ? service : service_namespace + "/" + service;
  }
  if (!job_.empty()) resource_.push_back({.label = {.name = "job", .value = job_}, .wins = true});
  if (!instance_.empty()) {
    resource_.push_back({.label = {.name = "instance", .value = instance_}, .wins = true});
  }
  std::move(promoted.begin(), promoted.end(), std::back_inserter(resource_));
  labels_ = resource_;
  Sort();
}

void Target::Scope(const wire::otlp::InstrumentationScope& scope) {
  labels_ = resource_;
  if (options_.translation.promote_scope) {
    const std::size_t most = options_.limits.label_value_bytes_max;
    const auto add = [this](std::string name, std::string value) {
      if (value.empty()) return;
      labels_.push_back({.label = {.name = std::move(name), .value = std::move(value)}});
    };
    add("otel_scope_name", CleanText(scope.name(), most, outcome_.values_cut));
    add("otel_scope_version", CleanText(scope.version(), most, outcome_.values_cut));
    const int count = values_.Usable(scope.attributes());
    for (int i = 0; i < count; ++i) {
      const auto& attribute = scope.attributes(i);
      auto name = LabelName("otel_scope_" + values_.Key(attribute.key()), options_.translation);
      if (name) add(*std::move(name), values_.ToText(attribute.value(), most));
    }
  }
  Sort();
}

// Of one name the first stays; the options' labels come last.
void Target::Sort() {
  for (const Label& label : options_.labels) labels_.push_back({.label = label});
  std::stable_sort(labels_.begin(), labels_.end(),
                   [](const Given& a, const Given& b) { return ByName(a.label, b.label); });
  labels_.erase(
      std::unique(labels_.begin(), labels_.end(),
                  [](const Given& a, const Given& b) { return a.label.name == b.label.name; }),
      labels_.end());
}

std::vector<Label> Target::Info(const wire::otlp::Resource& resource) const {
  if (job_.empty() && instance_.empty()) return {};
  std::map<std::string, std::string> labels;
  const OtlpLimits& limits = options_.limits;
  bool tells = false;  // Something that job and instance do not.
  const int count = std::min(resource.attributes_size(), static_cast<int>(limits.attributes_max));
  for (int i = 0; i < count; ++i) {
    const std::string& key = resource.attributes(i).key();
    const bool identifies = Identifies(key);
    if (identifies && !options_.translation.keep_identifying) continue;
    const auto name = LabelName(values_.Key(key), options_.translation);
    if (!name || *name == kMetricName) continue;
    std::string value =
        values_.ToText(resource.attributes(i).value(), limits.label_value_bytes_max);
    if (value.empty()) continue;
    if (labels.size() + options_.labels.size() + 3 >= limits.labels_max &&
        !labels.contains(*name)) {
      ++outcome_.attributes_dropped;
      continue;
    }
    tells = tells || !identifies;
    const auto [at, fresh] = labels.emplace(*name, value);
    if (!fresh) at->second += ";" + value;
  }
  if (!tells) return {};
  for (const Label& label : options_.labels) labels.emplace(label.name, label.value);
  if (!job_.empty()) labels["job"] = job_;
  if (!instance_.empty()) labels["instance"] = instance_;
  std::vector<Label> out;
  for (auto& [name, value] : labels) out.push_back({name, value});
  return out;
}

void Target::AddTo(std::vector<Label>& labels) const {
  const auto own = static_cast<std::ptrdiff_t>(labels.size());
  labels.reserve(labels.size() + labels_.size());
  for (const Given& given : labels_) {
    const auto end = labels.begin() + own;
    const auto at = std::lower_bound(labels.begin(), end, given.label, ByName);
    if (at == end || at->name != given.label.name) {
      labels.push_back(given.label);
    } else if (given.wins) {
      at->value = given.label.value;
    }
  }
  std::inplace_merge(labels.begin(), labels.begin() + own, labels.end(), ByName);
}

}  // namespace opssight::otlp
