// opssight-agent: flags, the enrol command, and the program between two signals.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "agent/config/agent_config.h"
#include "agent/enrol/enrol.h"
#include "agent/identity/identity.h"
#include "agent/main/agent.h"
#include "common/app/config_flags.h"
#include "common/app/notify.h"
#include "common/app/signals.h"
#include "common/base/files.h"
#include "common/base/log.h"
#include "common/net/address.h"
#include "common/selfmon/build_info.h"

namespace opssight {
namespace {

struct EnrolFlags {
  std::string aggregator;
  std::string token;
  std::string ca_pin;
};

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 && name[0] != '\0' ? name : "localhost";
}

Status Enrol(const AgentConfig& config, const EnrolFlags& flags) {
  EnrolRequestOptions request{
      .token = flags.token, .ca_pin = flags.ca_pin, .dir = config.data_dir, .host = config.host};
  OPS_TRY(request.aggregator, ParseAddress(flags.aggregator));
  OPS_TRY(const std::string fingerprint, ThisMachine(config.host_root, config.data_dir));
  std::copy(fingerprint.begin(), fingerprint.end(), request.fingerprint.begin());
  OPS_TRY(const Identity identity, EnrolHost(request));
  fmt::print("enrolled with {} as agent {}; start opssight-agent (or restart it)\n",
             identity.aggregator, identity.info.common_name);
  return {};
}

// The agent between signals. A reload reads everything anew: nothing changes where there
// is any problem; else the agent is stopped (all it took goes to disk) and started with
// the new settings in this process, which costs its sources some milliseconds.
class Program {
 public:
  Program(const ConfigFlags& flags, AgentConfig config)
      : flags_(flags), config_(std::move(config)) {}

  Status Start() {
    OPS_TRY(Identity identity, LoadIdentity(config_.data_dir));
    SetLogLevel(config_.log_level);
    id_ = identity.info.common_name;
    OPS_TRY(agent_, Agent::Start(config_, std::move(identity), Clock::System(), state_, memory_));
    return {};
  }
  Status Reload() {
    Status status = ReadAnew();
    state_.Tell(status.has_value(), Clock::System().WallMs());
    return status;
  }
  void Stop() { agent_->Stop(); }
  bool running() const { return agent_ != nullptr; }
  const std::string& id() const { return id_; }

 private:
  Status ReadAnew() {
    LoadedConfig<AgentConfig> loaded = LoadConfigFiles(AgentTable(), flags_);
    if (!loaded.ok()) return Invalid(ProblemsText(loaded.problems));
    AgentConfig next = Resolved(std::move(loaded.options), HostName(), FolderOf(flags_.file));
    const std::vector<ConfigChange> changes = DiffConfig(AgentTable(), config_, next);
    for (const ConfigChange& change : changes) {
      OPS_LOG(kInfo, "config: {}: {} -> {}", change.key, change.from, change.to);
    }
    if (changes.empty()) return {};
    if (agent_->failing()) {
      return Unavailable(
          "the disk takes no writes, and what is in memory might be lost; reload again when "
          "opssight_batch_failing is 0");
    }
    AgentConfig before = std::exchange(config_, std::move(next));
    agent_->Stop();
    agent_.reset();
    Status status = Start();
    if (status) return {};
    config_ = std::move(before);
    OPS_RETURN_IF_ERROR(Start());
    return status;
  }

  const ConfigFlags& flags_;
  AgentConfig config_;
  std::string id_;
  ReloadState state_{Clock::System().WallMs()};
  ScrapeMemory memory_;
  std::unique_ptr<Agent> agent_;
};

int Run(const ConfigFlags& flags, AgentConfig config) {
  const auto notify = [](std::string_view state) {
    Notify(ProcessEnvironment("NOTIFY_SOCKET").value_or(""), state);
  };
  Program program(flags, std::move(config));
  if (const Status status = program.Start(); !status) {
    OPS_LOG(kError, "opssight-agent: cannot start: {}", status.error().message);
    return 1;
  }
  OPS_LOG(kInfo, "opssight-agent {}: agent {}", ThisBuild().version, program.id());
  notify("READY=1");
  while (NextSignal() == ProgramSignal::kReload) {
    notify("RELOADING=1");
    const Status status = program.Reload();
    if (!program.running()) {
      OPS_LOG(kError, "config: reload: {}; the agent ends", status.error().message);
      return 1;
    }
    if (status) {
      OPS_LOG(kInfo, "config: {} was read again", flags.file);
    } else {
      OPS_LOG(kError, "config: reload: {}; the old configuration stays", status.error().message);
    }
    notify("READY=1");
  }
  notify("STOPPING=1");
  OPS_LOG(kInfo, "opssight-agent: stopping");
  UnblockStopSignals();
  program.Stop();
  return 0;
}

int Main(int argc, char** argv) {
  BlockSignals();
  CLI::App app("OpsSight agent: ships this host's metrics, logs and traces.");
  app.set_version_flag("--version", fmt::format("opssight-agent {} ({})", ThisBuild().version,
                                                ThisBuild().revision));
  app.require_subcommand(0, 1);
  ConfigFlags flags{.file = "/etc/opssight/agent.yaml"};
  app.add_option("--config", flags.file, "The configuration file")->capture_default_str();
  app.add_option("--config-dir", flags.dir,
                 "Folder of drop-ins (default: the file's name with .d)");
  app.add_flag("--check-config", flags.check,
               "Check the configuration, say all that is wrong, end");
  app.add_flag("--print-config", flags.print, "Print the configuration in effect, end");
  EnrolFlags enrol;
  CLI::App* command =
      app.add_subcommand("enrol", "Get an identity; `token create` prints this line");
  command->add_option("--aggregator", enrol.aggregator, "host:port for agents")->required();
  command->add_option("--token", enrol.token, "The token")->required();
  command->add_option("--ca-pin", enrol.ca_pin, "The CA's fingerprint, sha256:…")->required();
  CLI11_PARSE(app, argc, argv);
  flags.file_given = app.count("--config") != 0;
  flags.more_dir = PathBelow(FolderOf(flags.file), "scrape.d");

  LoadedConfig<AgentConfig> loaded = LoadConfigFiles(AgentTable(), flags);
  if (const auto status = AnswerConfigFlags(AgentTable(), flags, loaded)) return *status;
  AgentConfig config = Resolved(std::move(loaded.options), HostName(), FolderOf(flags.file));
  if (!command->parsed()) return Run(flags, std::move(config));
  const Status status = Enrol(config, enrol);
  if (status) return 0;
  fmt::print(stderr, "opssight-agent: {}\n", status.error().message);
  return 1;
}

}  // namespace
}  // namespace opssight

int main(int argc, char** argv) {
  return opssight::Main(argc, argv);
}
