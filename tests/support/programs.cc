#include "tests/support/programs.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

#include <fmt/core.h>

#include "tests/support/http.h"

namespace opssight {
namespace {

std::vector<std::string> Words(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

Status Write(const std::string& path, const std::string& text) {
  std::ofstream out(path);
  out << text << std::flush;
  return out ? Status() : Status(IoError("write " + path, EIO));
}

std::optional<double> MetricOf(const std::string& url, const std::string& name) {
  const HttpAnswer answer = HttpGet(url + "/metrics");
  if (answer.status != 200) return {};
  std::istringstream in(answer.body);
  for (std::string line; std::getline(in, line);) {
    if (line.size() > name.size() && line.compare(0, name.size(), name) == 0 &&
        line[name.size()] == ' ') {
      return std::stod(line.substr(name.size() + 1));
    }
  }
  return {};
}

}  // namespace

Status Program::Start(std::vector<std::string> before) {
  before.insert(before.end(), argv_.begin(), argv_.end());
  OPS_TRY(process_, Process::Start(before, {.output = log_}));
  return {};
}

Status Program::Terminate(std::chrono::seconds limit) {
  process_.Signal(SIGTERM);
  if (!WaitFor(limit, [this] { return !process_.running(); })) {
    return Error{ErrorCode::kUnavailable,
                 fmt::format("{} did not end within {} s of SIGTERM", name_, limit.count())};
  }
  const int status = process_.Wait();
  if (status == 0) return {};
  return Error{ErrorCode::kInternal, fmt::format("{} ended with status {}", name_, status)};
}

std::string Program::Log() const {
  std::ifstream in(log_);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

std::string Program::LogTail() const {
  std::ifstream in(log_);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  std::string tail = fmt::format("--- {}\n", log_);
  for (std::size_t i = lines.size() > 40 ? lines.size() - 40 : 0; i < lines.size(); ++i) {
    tail += lines[i] + "\n";
  }
  return tail;
}

Programs::Programs(ProgramOptions options)
    : options_(std::move(options)),
      http_port_(FreePort()),
      agents_port_(FreePort()),
      otlp_port_(FreePort()),
      otlp_grpc_port_(FreePort()),
      aggregator_("opssight-aggregator",
                  {OPS_AGGREGATOR, "--config", options_.folder + "/aggregator.yaml"},
                  options_.folder + "/aggregator.log"),
      agent_("opssight-agent", {OPS_AGENT, "--config", options_.folder + "/agent.yaml"},
             options_.folder + "/agent.log") {}

Status Programs::WriteConfigs() const {
  std::error_code error;
  for (const std::string& dir : {options_.agent_dir, options_.aggregator_dir,
                                 options_.folder + "/agent.d", options_.folder + "/aggregator.d"}) {
    std::filesystem::create_directories(dir, error);
    if (error) return IoError("create " + dir, error.value());
  }
  OPS_RETURN_IF_ERROR(
      Write(aggregator_config(), fmt::format(R"(data_dir: {}
listen:
  address: 127.0.0.1:{}
agents:
  listen: 127.0.0.1:{}
  names: [127.0.0.1]
)",
                                             options_.aggregator_dir, http_port_, agents_port_)));
  OPS_RETURN_IF_ERROR(
      Write(agent_config(), fmt::format(R"(data_dir: {}
otlp:
  grpc:
    listen: 127.0.0.1:{}
  http:
    listen: 127.0.0.1:{}
tail:
  pods: ["{}/pods/*/*/*.log"]
  docker: ["{}/docker/*/*-json.log"]
  podman: []
  files:
    - paths: ["{}/files/*.log"]
  rescan: 1s
)",
                                        options_.agent_dir, otlp_grpc_port_, otlp_port_,
                                        options_.folder, options_.folder, options_.folder)));
  OPS_RETURN_IF_ERROR(Write(options_.folder + "/aggregator.d/10.yaml", options_.aggregator_yaml));
  return Write(options_.folder + "/agent.d/10.yaml", options_.agent_yaml);
}

Result<std::string> Programs::Command(const std::vector<std::string>& words) const {
  std::vector<std::string> argv = {OPS_AGGREGATOR, "--config", aggregator_config()};
  argv.insert(argv.end(), words.begin(), words.end());
  return Run(argv);
}

// The line among what else was said.
Result<std::string> Programs::TokenLine() const {
  OPS_TRY(const std::string said, Command({"token", "create", "--ttl", "10m"}));
  const std::size_t at = said.find("opssight-agent enrol");
  if (at == std::string::npos) return Invalid("token create said: " + said);
  return said.substr(at, said.find('\n', at) - at);
}

Result<std::string> Programs::EnrolBy(const std::string& line,
                                      const std::string& agent_config) const {
  const std::vector<std::string> words = Words(line);
  std::vector<std::string> argv = {OPS_AGENT, "--config", agent_config};
  argv.insert(argv.end(), words.begin() + 1, words.end());
  return Run(argv);
}

Status Programs::Enrol() {
  OPS_TRY(const std::string line, TokenLine());
  const auto enrolled = EnrolBy(line, agent_config());
  return enrolled ? Status() : Status(enrolled.error());
}

Status Programs::Start() {
  constexpr std::chrono::seconds kLimit{60};
  OPS_RETURN_IF_ERROR(WriteConfigs());
  OPS_RETURN_IF_ERROR(aggregator_.Start());
  OPS_RETURN_IF_ERROR(WaitForAggregator(kLimit));
  OPS_RETURN_IF_ERROR(Enrol());
  OPS_RETURN_IF_ERROR(agent_.Start());
  return WaitForAgent(kLimit);
}

Status Programs::WaitForAggregator(std::chrono::seconds limit) {
  if (WaitFor(limit, [this] { return HttpGet(url() + "/-/ready").status == 200; })) return {};
  return Error{ErrorCode::kUnavailable, "the aggregator is not ready\n" + aggregator_.LogTail()};
}

Status Programs::WaitForAgent(std::chrono::seconds limit) {
  if (WaitFor(limit, [this] { return AgentMetric("opssight_spool_batches").has_value(); })) {
    return {};
  }
  return Error{ErrorCode::kUnavailable, "the agent does not answer\n" + agent_.LogTail()};
}

std::optional<double> Programs::AgentMetric(const std::string& name) const {
  return MetricOf(agent_url(), name);
}

std::optional<double> Programs::AggregatorMetric(const std::string& name) const {
  return MetricOf(url(), name);
}

}  // namespace opssight
