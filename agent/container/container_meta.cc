#include "agent/container/container_meta.h"

#include <simdjson.h>

namespace opssight {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kJsonBytesMax = 16UL << 20;

// The string at key, or "".
std::string_view StringAt(const dom::object& object, std::string_view key) {
  std::string_view text;
  if (object.at_key(key).get(text) != simdjson::SUCCESS) return {};
  return text;
}

void TakeStrings(const dom::object& object, std::vector<Label>& out) {
  for (const dom::key_value_pair field : object) {
    std::string_view text;
    if (field.value.get(text) != simdjson::SUCCESS) continue;
    out.push_back({.name = std::string(field.key), .value = std::string(text)});
  }
}

bool Parse(dom::parser& parser, std::string_view json, dom::element& root) {
  return json.size() <= kJsonBytesMax &&
         parser.parse(json.data(), json.size()).get(root) == simdjson::SUCCESS;
}

// What Kubernetes runtimes (CRI-O, cri-dockerd, containerd) and nerdctl say in labels or
// annotations.
void TakePod(ContainerMeta& meta) {
  for (const Label& label : meta.labels) {
    const std::string& name = label.name;
    if (name == "io.kubernetes.pod.name" || name == "io.kubernetes.cri.sandbox-name") {
      meta.pod = label.value;
    } else if (name == "io.kubernetes.pod.namespace" ||
               name == "io.kubernetes.cri.sandbox-namespace") {
      meta.pod_namespace = label.value;
    } else if (name == "io.kubernetes.container.name" ||
               name == "io.kubernetes.cri.container-name" || name == "nerdctl/name") {
      meta.name = label.value;
    } else if (name == "io.kubernetes.cri-o.ImageName" || name == "io.kubernetes.cri.image-name") {
      meta.image = label.value;
    } else if (name == "io.kubernetes.cri.container-type" || name == "io.kubernetes.docker.type" ||
               name == "io.kubernetes.cri-o.ContainerType") {
      meta.sandbox = label.value == "sandbox" || label.value == "podsandbox";
    }
  }
}

}  // namespace

std::optional<ContainerMeta> ParseDockerConfig(std::string_view json) {
  dom::parser parser;
  dom::element root;
  dom::object object;
  if (!Parse(parser, json, root) || root.get(object) != simdjson::SUCCESS) return std::nullopt;
  ContainerMeta meta;
  meta.id = StringAt(object, "ID");
  meta.name = StringAt(object, "Name");
  if (meta.name.starts_with('/')) meta.name.erase(0, 1);
  dom::object config;
  if (object.at_key("Config").get(config) == simdjson::SUCCESS) {
    meta.image = StringAt(config, "Image");
    dom::object labels;
    if (config.at_key("Labels").get(labels) == simdjson::SUCCESS) TakeStrings(labels, meta.labels);
  }
  if (meta.name.empty() && meta.id.empty()) return std::nullopt;
  TakePod(meta);
  return meta;
}

std::optional<ContainerMeta> ParseOciConfig(std::string_view json) {
  dom::parser parser;
  dom::element root;
  dom::object object;
  if (!Parse(parser, json, root) || root.get(object) != simdjson::SUCCESS) return std::nullopt;
  ContainerMeta meta;
  dom::object annotations;
  if (object.at_key("annotations").get(annotations) == simdjson::SUCCESS) {
    TakeStrings(annotations, meta.labels);
  }
  TakePod(meta);
  return meta;
}

std::optional<ContainerMeta> ParseStorageContainers(std::string_view json, std::string_view id) {
  dom::parser parser;
  dom::element root;
  dom::array all;
  if (!Parse(parser, json, root) || root.get(all) != simdjson::SUCCESS) return std::nullopt;
  for (const dom::element element : all) {
    dom::object object;
    if (element.get(object) != simdjson::SUCCESS || StringAt(object, "id") != id) continue;
    ContainerMeta meta;
    meta.id = id;
    dom::array names;
    std::string_view name;
    if (object.at_key("names").get(names) == simdjson::SUCCESS && names.size() > 0 &&
        names.at(0).get(name) == simdjson::SUCCESS) {
      meta.name = name;
    }
    // "metadata" is a JSON text in a string.
    const std::string metadata(StringAt(object, "metadata"));
    dom::parser inner_parser;
    dom::element inner;
    dom::object fields;
    if (Parse(inner_parser, metadata, inner) && inner.get(fields) == simdjson::SUCCESS) {
      meta.image = StringAt(fields, "image-name");
      if (meta.name.empty()) meta.name = StringAt(fields, "name");
    }
    return meta;
  }
  return std::nullopt;
}

}  // namespace opssight
