#include "agent/tail/stream_labels.h"

#include <algorithm>

#include "agent/tail/file_names.h"

namespace opssight {
namespace {

constexpr std::size_t kShortIdDigits = 12;

std::string_view Find(const std::vector<Label>& labels, std::string_view name) {
  for (const Label& label : labels) {
    if (label.name == name) return label.value;
  }
  return {};
}

// The first that is not empty.
std::string FirstOf(std::initializer_list<std::string_view> texts) {
  for (const std::string_view text : texts) {
    if (!text.empty()) return std::string(text);
  }
  return {};
}

}  // namespace

Labels ContainerStream(const TailOptions& options, const ContainerMeta& meta, std::string_view job,
                       bool is_stderr) {
  std::vector<Label> labels = options.labels;  // Of one name the last stays.
  for (const Label& label : meta.labels) {
    const auto& allowed = options.container_labels;
    if (std::find(allowed.begin(), allowed.end(), label.name) == allowed.end()) continue;
    labels.push_back({.name = LabelName(label.name), .value = label.value});
  }
  const std::string name =
      FirstOf({meta.name, std::string_view(meta.id).substr(0, kShortIdDigits), "unknown"});
  const std::string pod_job =
      meta.pod_namespace.empty() ? std::string() : meta.pod_namespace + "/" + name;
  labels.push_back({"host", options.host});
  labels.push_back({"container_name", name});
  labels.push_back({"image", meta.image});
  labels.push_back({"stream", is_stderr ? "stderr" : "stdout"});
  labels.push_back({"namespace", meta.pod_namespace});
  labels.push_back({"pod", meta.pod});
  labels.push_back(
      {"job", FirstOf({pod_job, Find(meta.labels, "com.docker.compose.project"), job})});
  labels.push_back(
      {"service_name", FirstOf({Find(meta.labels, "com.docker.compose.service"),
                                Find(meta.labels, "com.docker.swarm.service.name"), name})});
  if (options.container_id_label) {
    labels.push_back({"container_id", meta.id.substr(0, kShortIdDigits)});
  }
  return Labels(std::move(labels));
}

Labels FileStream(const TailOptions& options, std::string_view path,
                  const std::vector<Label>& configured) {
  const std::string_view base = path.substr(path.rfind('/') + 1);
  const std::size_t dot = base.rfind('.');
  std::vector<Label> labels = options.labels;  // Of one name the last stays.
  labels.push_back({"host", options.host});
  labels.push_back({"filename", std::string(path)});
  labels.push_back({"job", "files"});
  labels.push_back({"service_name", std::string(dot == 0 ? base : base.substr(0, dot))});
  labels.insert(labels.end(), configured.begin(), configured.end());
  return Labels(std::move(labels));
}

}  // namespace opssight
