// The two real programs on ports and folders of their own: started, enrolled, killed,
// started again. Below folder the agent follows pods/*/*/*.log (CRI),
// docker/*/*-json.log and files/*.log.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "tests/support/process.h"

namespace opssight {

// One program; what it prints goes to a file.
class Program {
 public:
  Program(std::string name, std::vector<std::string> argv, std::string log)
      : name_(std::move(name)), argv_(std::move(argv)), log_(std::move(log)) {}

  // before: a command that runs it, such as strace.
  Status Start(std::vector<std::string> before = {});
  void Kill() { process_.KillAndWait(); }
  // SIGTERM; an error where it ends otherwise than well, or not within limit.
  Status Terminate(std::chrono::seconds limit);
  void Signal(int number) { process_.Signal(number); }
  bool running() { return process_.running(); }
  int Wait() { return process_.Wait(); }

  const std::string& name() const { return name_; }
  std::string LogTail() const;
  std::string Log() const;

 private:
  const std::string name_;
  const std::vector<std::string> argv_;
  const std::string log_;
  Process process_;
};

struct ProgramOptions {
  std::string folder;           // Configurations, logs, generators' files.
  std::string agent_dir;        // data_dir,
  std::string aggregator_dir;   // of each.
  std::string agent_yaml;       // Further settings.
  std::string aggregator_yaml;  // and in aggregator.d.
};

class Programs {
 public:
  explicit Programs(ProgramOptions options);

  // Starts the aggregator, enrols the agent, starts it; waits until both answer.
  Status Start();
  Status WriteConfigs() const;
  // Ends as the program did: what a command of the aggregator says, such as {"token",
  // "list"}; an enrolment by the line of `token create`, or an error with what it said.
  Result<std::string> Command(const std::vector<std::string>& words) const;
  Result<std::string> TokenLine() const;
  Result<std::string> EnrolBy(const std::string& line, const std::string& agent_config) const;
  Status WaitForAggregator(std::chrono::seconds limit);
  Status WaitForAgent(std::chrono::seconds limit);

  Program& agent() { return agent_; }
  Program& aggregator() { return aggregator_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(http_port_); }
  std::string agent_config() const { return options_.folder + "/agent.yaml"; }
  std::string aggregator_config() const { return options_.folder + "/aggregator.yaml"; }
  int agents_port() const { return agents_port_; }
  int otlp_grpc_port() const { return otlp_grpc_port_; }
  std::string agent_url() const { return "http://127.0.0.1:" + std::to_string(otlp_port_); }
  int otlp_port() const { return otlp_port_; }
  const ProgramOptions& options() const { return options_; }

  // One of its own metrics; nothing where it does not answer.
  std::optional<double> AgentMetric(const std::string& name) const;
  std::optional<double> AggregatorMetric(const std::string& name) const;

 private:
  Status Enrol();

  const ProgramOptions options_;
  const int http_port_;
  const int agents_port_;
  const int otlp_port_;
  const int otlp_grpc_port_;
  Program aggregator_;
  Program agent_;
};

}  // namespace opssight
