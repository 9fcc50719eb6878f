#include "agent/scrape/docker_discovery.h"

#include <algorithm>
#include <map>
#include <simdjson.h>
#include <utility>

#include <fmt/core.h>

#include "common/base/log.h"
#include "common/text/json.h"

namespace opssight {
namespace {

using simdjson::dom::element;

constexpr std::size_t kBodyBytesMax = 32UL << 20;
constexpr std::size_t kDepthMax = 64;
constexpr std::int64_t kTimeoutMs = 10'000;
constexpr std::string_view kPrefix = "__meta_docker_";

std::string TextOf(const element& at, const char* key) {
  std::string_view text;
  if (at[key].get(text) != simdjson::SUCCESS) return "";
  return std::string(text);
}

std::string BoolOf(const element& at, const char* key) {
  bool value = false;
  return at[key].get(value) == simdjson::SUCCESS && value ? "true" : "false";
}

std::int64_t NumberOf(const element& at, const char* key) {
  std::int64_t value = 0;
  return at[key].get(value) == simdjson::SUCCESS ? value : 0;
}

std::string LabelName(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    const bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!ok) c = '_';
  }
  return out;
}

void SetMeta(TargetLabels& labels, std::string_view name, const std::string& value) {
  SetLabel(labels, std::string(kPrefix).append(name), value);
}

void SetMetaLabels(TargetLabels& labels, const std::string& prefix, const element& from) {
  simdjson::dom::object object;
  if (from["Labels"].get(object) != simdjson::SUCCESS) return;
  for (const auto field : object) {
    std::string_view value;
    if (field.value.get(value) == simdjson::SUCCESS) {
      SetMeta(labels, prefix + LabelName(field.key), std::string(value));
    }
  }
}

// By id: what each network adds to the labels.
using Networks = std::map<std::string, TargetLabels, std::less<>>;

Networks ReadNetworks(const element& list) {
  Networks out;
  simdjson::dom::array array;
  if (list.get(array) != simdjson::SUCCESS) return out;
  for (const element network : array) {
    TargetLabels labels;
    SetMeta(labels, "network_id", TextOf(network, "Id"));
    SetMeta(labels, "network_name", TextOf(network, "Name"));
    SetMeta(labels, "network_scope", TextOf(network, "Scope"));
    SetMeta(labels, "network_internal", BoolOf(network, "Internal"));
    SetMeta(labels, "network_ingress", BoolOf(network, "Ingress"));
    SetMetaLabels(labels, "network_label_", network);
    out.emplace(TextOf(network, "Id"), std::move(labels));
  }
  return out;
}

struct Endpoint {
  std::string name;
  std::string network_id;
  std::string ip;
};

std::vector<Endpoint> EndpointsOf(const element& container) {
  std::vector<Endpoint> out;
  simdjson::dom::object object;
  if (container["NetworkSettings"]["Networks"].get(object) != simdjson::SUCCESS) return out;
  for (const auto field : object) {
    out.push_back({.name = std::string(field.key),
                   .network_id = TextOf(field.value, "NetworkID"),
                   .ip = TextOf(field.value, "IPAddress")});
  }
  std::sort(out.begin(), out.end(),
            [](const Endpoint& a, const Endpoint& b) { return a.name < b.name; });
  return out;
}

std::string NetworkModeOf(const element& container) {
  std::string_view mode;
  if (container["HostConfig"]["NetworkMode"].get(mode) != simdjson::SUCCESS) return "";
  return std::string(mode);
}

TargetLabels ContainerLabels(const element& container) {
  TargetLabels labels;
  SetMeta(labels, "container_id", TextOf(container, "Id"));
  std::string_view name;
  if (container["Names"].at(0).get(name) == simdjson::SUCCESS) {
    SetMeta(labels, "container_name", std::string(name));
  }
  SetMeta(labels, "container_image", TextOf(container, "Image"));
  SetMeta(labels, "container_image_id", TextOf(container, "ImageID"));
  SetMeta(labels, "container_network_mode", NetworkModeOf(container));
  SetMetaLabels(labels, "container_label_", container);
  return labels;
}

std::string HostPort(const std::string& host, std::int64_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

class Reader {
 public:
  Reader(const DockerDiscoveryOptions& options, Networks networks)
      : options_(options), networks_(std::move(networks)) {}

  void ReadAll(const simdjson::dom::array& containers) {
    for (const element container : containers) {
      endpoints_.emplace(TextOf(container, "Id"), EndpointsOf(container));
    }
    for (const element container : containers) ReadOne(container);
  }
  std::vector<TargetLabels> Take() { return std::move(out_); }

 private:
  void ReadOne(const element& container) {
    const TargetLabels common = ContainerLabels(container);
    std::vector<Endpoint> endpoints = endpoints_[TextOf(container, "Id")];
    const std::string mode = NetworkModeOf(container);
    constexpr std::string_view kShared = "container:";
    if (endpoints.empty() && mode.starts_with(kShared)) {
      const auto other = endpoints_.find(mode.substr(kShared.size()));
      if (other != endpoints_.end()) endpoints = other->second;
    }
    if (options_.match_first_network && endpoints.size() > 1) endpoints.resize(1);
    for (const Endpoint& endpoint : endpoints) {
      TargetLabels labels = common;
      SetMeta(labels, "network_ip", endpoint.ip);
      const auto network = networks_.find(endpoint.network_id);
      if (network != networks_.end()) {
        labels.insert(labels.end(), network->second.begin(), network->second.end());
      }
      if (AddPorts(container, endpoint, labels)) continue;
      // In the host's network there is no telling which port is the container's.
      Add(std::move(labels),
          mode == "host" ? options_.host_networking_host : HostPort(endpoint.ip, options_.port));
    }
  }

  // False where the container exposes no TCP port.
  bool AddPorts(const element& container, const Endpoint& endpoint, const TargetLabels& labels) {
    simdjson::dom::array ports;
    bool some = false;
    if (container["Ports"].get(ports) != simdjson::SUCCESS) return false;
    for (const element port : ports) {
      if (TextOf(port, "Type") != "tcp") continue;
      TargetLabels own = labels;
      const std::int64_t inside = NumberOf(port, "PrivatePort");
      const std::int64_t outside = NumberOf(port, "PublicPort");
      SetMeta(own, "port_private", std::to_string(inside));
      if (outside > 0) {
        SetMeta(own, "port_public", std::to_string(outside));
        SetMeta(own, "port_public_ip", TextOf(port, "IP"));
      }
      Add(std::move(own), HostPort(endpoint.ip, inside));
      some = true;
    }
    return some;
  }

  void Add(TargetLabels labels, const std::string& address) {
    SetLabel(labels, "__address__", address);
    out_.push_back(std::move(labels));
  }

  const DockerDiscoveryOptions& options_;
  const Networks networks_;
  std::map<std::string, std::vector<Endpoint>> endpoints_;  // By container.
  std::vector<TargetLabels> out_;
};

Status ParseJson(simdjson::dom::parser& parser, std::string_view text, element& out) {
  if (parser.allocate(text.size(), kDepthMax) != simdjson::SUCCESS) {
    return Exhausted("docker: no memory for its answer");
  }
  const auto error = parser.parse(text.data(), text.size()).get(out);
  if (error != simdjson::SUCCESS) {
    return Invalid(
        fmt::format("docker: its answer is no JSON: {}", simdjson::error_message(error)));
  }
  return {};
}

}  // namespace

Result<std::vector<TargetLabels>> ParseDocker(std::string_view containers,
                                              std::string_view networks,
                                              const DockerDiscoveryOptions& options) {
  simdjson::dom::parser of_networks;
  simdjson::dom::parser of_containers;
  element root;
  OPS_RETURN_IF_ERROR(ParseJson(of_networks, networks, root));
  Reader reader(options, ReadNetworks(root));
  OPS_RETURN_IF_ERROR(ParseJson(of_containers, containers, root));
  simdjson::dom::array array;
  if (root.get(array) != simdjson::SUCCESS) return Invalid("docker: its answer is no list");
  reader.ReadAll(array);
  return reader.Take();
}

std::string DockerContainersPath(const DockerDiscoveryOptions& options) {
  if (options.filters.empty()) return "/containers/json";
  JsonWriter json;
  json.Open('{');
  for (const DockerFilter& filter : options.filters) {
    json.Key(filter.name).Open('[');
    for (const std::string& value : filter.values) json.String(value);
    json.Close(']');
  }
  std::string escaped;
  AppendUrlEscaped(json.Close('}').Take(), escaped);
  return "/containers/json?filters=" + escaped;
}

DockerDiscovery::DockerDiscovery(Loop& loop, Fetcher& fetcher, DockerDiscoveryOptions options,
                                 OnTargets on_targets, std::function<void()> failed)
    : loop_(loop),
      fetcher_(fetcher),
      options_(std::move(options)),
      on_targets_(std::move(on_targets)),
      failed_(std::move(failed)),
      timer_(loop) {}

DockerDiscovery::~DockerDiscovery() {
  if (asking_ != 0) fetcher_.Cancel(asking_);
}

void DockerDiscovery::Start() {
  loop_.AssertHere();
  timer_.Start(0, options_.refresh_ms, [this] { Ask(); });
}

void DockerDiscovery::Failed(const std::string& why) {
  failed_();
  OPS_LOG_EVERY(60, kWarn, "scrape: docker at {}: {}; the targets it had stay", options_.host, why);
}

void DockerDiscovery::Ask() {
  if (asking_ != 0) return;
  Get(DockerContainersPath(options_), [this](std::string containers) {
    Get("/networks", [this, containers = std::move(containers)](const std::string& networks) {
      auto targets = ParseDocker(containers, networks, options_);
      if (!targets) return Failed(targets.error().message);
      on_targets_(options_.host, *std::move(targets));
    });
  });
}

void DockerDiscovery::Get(const std::string& path, Next next) {
  constexpr std::string_view kUnix = "unix://";
  constexpr std::string_view kTcp = "tcp://";
  FetchRequest request{
      .timeout_ms = kTimeoutMs, .body_bytes_max = kBodyBytesMax, .http = options_.http};
  std::string_view host = options_.host;
  if (host.starts_with(kUnix)) {
    request.unix_socket = host.substr(kUnix.size());
    request.url = "http://localhost" + path;
  } else if (host.starts_with(kTcp)) {
    const bool tls = !options_.http.tls.ca_file.empty() || !options_.http.tls.cert_file.empty();
    request.url = (tls ? "https://" : "http://") + std::string(host.substr(kTcp.size())) + path;
  } else {
    request.url = options_.host + path;
  }
  const auto done = [this, next = std::move(next)](FetchResult answer) {
    asking_ = 0;
    if (!answer) return Failed(answer.error().message);
    if (answer->status != 200) return Failed(fmt::format("HTTP status {}", answer->status));
    next(std::move(answer->body));
  };
  const auto started = fetcher_.Start(std::move(request), done);
  if (!started) return Failed(started.error().message);
  asking_ = *started;
}

}  // namespace opssight
