#include "agent/scrape/target.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "common/base/log.h"
#include "common/bytes/hash.h"
#include "common/config/read_tree.h"
#include "common/config/yaml.h"
#include "common/text/units.h"
#include "common/text/utf8.h"

namespace opssight {
namespace {

constexpr std::int64_t kSnapMsMax = 2;
constexpr std::string_view kParamPrefix = "__param_";

bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '~';
}

// Params in the job's order by name; the first value of each is what relabeling left.
std::string QueryOf(const ScrapeJob& job, const std::vector<Label>& labels) {
  std::map<std::string, std::vector<std::string>> params = job.params;
  for (const Label& label : labels) {
    if (!label.name.starts_with(kParamPrefix)) continue;
    std::vector<std::string>& values = params[label.name.substr(kParamPrefix.size())];
    if (values.empty()) values.emplace_back();
    values.front() = label.value;
  }
  std::string out;
  for (const auto& [name, values] : params) {
    for (const std::string& value : values) {
      out += out.empty() ? "?" : "&";
      AppendUrlEscaped(name, out);
      out += "=";
      AppendUrlEscaped(value, out);
    }
  }
  return out;
}

Result<std::int64_t> DurationOf(const std::vector<Label>& labels, std::string_view name) {
  const std::string_view text = LabelOf(labels, name);
  const auto ms = ParsePromDurationMs(text);
  if (!ms || *ms <= 0) return Invalid(fmt::format("{} \"{}\" is no duration", name, text));
  return *ms;
}

Result<std::string> UrlOf(const ScrapeJob& job, const std::vector<Label>& labels) {
  const std::string address(LabelOf(labels, "__address__"));
  const std::string scheme(LabelOf(labels, "__scheme__"));
  const std::string path(LabelOf(labels, "__metrics_path__"));
  if (address.empty()) return Invalid("no address");
  if (address.find_first_of("/?#@ \t\r\n") != std::string::npos) {
    return Invalid(fmt::format("\"{}\" is not an address", CleanLogLine(address)));
  }
  if (scheme != "http" && scheme != "https") {
    return Invalid(fmt::format("\"{}\" is neither http nor https", CleanLogLine(scheme)));
  }
  // A path may bring a query, which Prometheus would escape.
  std::string query = QueryOf(job, labels);
  if (!query.empty() && path.find('?') != std::string::npos) query.front() = '&';
  return scheme + "://" + address + (path.starts_with('/') ? "" : "/") + path + query;
}

}  // namespace

std::string GlobalUrl(std::string_view url, std::string_view host) {
  constexpr std::string_view kScheme = "://";
  const std::size_t scheme = url.find(kScheme);
  if (scheme == std::string_view::npos || host.empty()) return std::string(url);
  const std::string_view before = url.substr(0, scheme + kScheme.size());
  const std::string_view rest = url.substr(before.size());
  for (const std::string_view local : {"localhost", "127.0.0.1", "[::1]"}) {
    if (!rest.starts_with(local)) continue;
    const std::string_view after = rest.substr(local.size());
    if (!after.empty() && after.front() != ':' && after.front() != '/') continue;
    return std::string(before) + std::string(host) + std::string(after);
  }
  return std::string(url);
}

void AppendUrlEscaped(std::string_view text, std::string& out) {
  for (const char c : text) {
    if (IsUnreserved(c)) {
      out.push_back(c);
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
}

std::vector<TargetLabels> TargetsOf(const StaticTargets& group) {
  std::vector<TargetLabels> out;
  for (const std::string& target : group.targets) {
    TargetLabels labels = {{"__address__", target}};
    for (const auto& [name, value] : group.labels) SetLabel(labels, name, value);
    out.push_back(std::move(labels));
  }
  return out;
}

Result<std::vector<TargetLabels>> ParseTargetFile(const std::string& path,
                                                  const std::string& text) {
  // YAML takes it for an empty list: a writer was caught half way, and all targets were gone.
  if (path.ends_with(".json") && text.find_first_not_of(" \t\r\n") == std::string::npos) {
    return Invalid(path + ": it is empty, which is no JSON");
  }
  static const OptionTable<StaticTargets> table{
      {"targets", &StaticTargets::targets, ""},
      {"labels", &StaticTargets::labels, ""},
  };
  ConfigProblems problems;
  std::map<std::string, ConfigOrigin> origins;
  ConfigReading reading{.problems = problems, .origins = origins};
  const ConfigNode list =  // JSON is YAML.
      ParseYaml(path, text, YamlLimits{}, problems, ConfigNode::Kind::kList);
  std::vector<TargetLabels> out;
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    StaticTargets group;
    const std::string place = fmt::format("[{}]", i);
    if (!ExpectKind(list.items[i], ConfigNode::Kind::kMap, place, reading)) continue;
    ReadTree(table.specs(), list.items[i], place, &group, reading);
    for (TargetLabels& target : TargetsOf(group)) {
      SetLabel(target, "__meta_filepath", path);
      out.push_back(std::move(target));
    }
  }
  if (!problems.empty()) return Invalid(problems.list().front().ToString());
  return out;
}

std::vector<Label> DiscoveredLabels(const ScrapeJob& job, const ScrapeOptions& options,
                                    const TargetLabels& found) {
  const std::int64_t interval_ms = job.interval_ms == 0 ? options.interval_ms : job.interval_ms;
  const std::int64_t timeout_ms =
      job.timeout_ms == 0 ? std::min(options.timeout_ms, interval_ms) : job.timeout_ms;
  std::vector<Label> labels = found;
  const auto set_default = [&labels](std::string_view name, std::string_view value) {
    if (LabelOf(labels, name).empty()) SetLabel(labels, name, value);
  };
  set_default("job", job.job_name);
  set_default("__scrape_interval__", FormatDurationMs(interval_ms));
  set_default("__scrape_timeout__", FormatDurationMs(timeout_ms));
  set_default("__metrics_path__", job.metrics_path);
  set_default("__scheme__", job.scheme);
  for (const auto& [name, values] : job.params) {
    if (!values.empty()) set_default(std::string(kParamPrefix) + name, values.front());
  }
  return labels;
}

Result<std::optional<Target>> MakeTarget(const ScrapeJob& job, const ScrapeOptions& options,
                                         const Relabeler& relabeler, const TargetLabels& found) {
  std::vector<Label> labels = DiscoveredLabels(job, options, found);
  Target target;
  target.discovered = Labels(labels);
  if (!relabeler.Apply(labels)) return std::optional<Target>();
  OPS_TRY(target.url, UrlOf(job, labels));
  OPS_TRY(target.interval_ms, DurationOf(labels, "__scrape_interval__"));
  OPS_TRY(target.timeout_ms, DurationOf(labels, "__scrape_timeout__"));
  if (target.timeout_ms > target.interval_ms) {
    return Invalid("the scrape timeout is longer than the interval");
  }
  if (LabelOf(labels, "instance").empty()) {
    SetLabel(labels, "instance", std::string(LabelOf(labels, "__address__")));
  }
  std::erase_if(labels, [](const Label& label) { return label.name.starts_with("__"); });
  for (const Label& label : labels) {
    if (!IsUtf8(label.name) || !IsUtf8(label.value)) return Invalid("a label that is not UTF-8");
  }
  target.labels = Labels(std::move(labels));
  std::string key = target.url + '\xff' + std::to_string(target.interval_ms) + '\xff' +
                    std::to_string(target.timeout_ms) + '\xff' + job.job_name + '\xff';
  for (const Label& label : target.labels) AppendLabelKey(label.name, label.value, key);
  target.hash = Hash64(key);
  return std::optional<Target>(std::move(target));
}

std::int64_t NextScrapeMs(const Target& target, std::uint64_t seed, std::int64_t now_ms) {
  const std::int64_t interval = target.interval_ms;
  const auto offset =
      static_cast<std::int64_t>((target.hash ^ seed) % static_cast<std::uint64_t>(interval));
  const std::int64_t next = now_ms - now_ms % interval + offset;
  return next > now_ms ? next : next + interval;
}

std::int64_t ScrapeTimeMs(std::int64_t due_ms, std::int64_t began_ms, std::int64_t interval_ms) {
  const std::int64_t snap = std::min(interval_ms / 100, kSnapMsMax);
  const std::int64_t off = began_ms - due_ms;
  return off >= -snap && off <= snap ? due_ms : began_ms;
}

}  // namespace opssight
