// opssight-agent: flags, the enrol command, and the program between two signals.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>
#include <string>
#include <unistd.h>

#include <fmt/core.h>

#include "agent/config/agent_config.h"
#include "agent/enrol/enrol.h"
#include "agent/identity/identity.h"
#include "agent/main/agent.h"
#include "common/app/config_flags.h"
#include "common/app/notify.h"
#include "common/app/signals.h"
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

Status Reload(const ConfigFlags& flags) {
  LoadedConfig<AgentConfig> loaded = LoadConfigFiles(AgentTable(), flags);
  if (!loaded.ok()) return Invalid(loaded.problems.ToString());
  SetLogLevel(loaded.options.log_level);
  OPS_LOG(kInfo, "config: {} was read again; what needs a restart waits for it", flags.file);
  return {};
}

int Run(const ConfigFlags& flags, AgentConfig config) {
  const auto notify = [](std::string_view state) {
    Notify(ProcessEnvironment("NOTIFY_SOCKET").value_or(""), state);
  };
  SetLogLevel(config.log_level);
  auto identity = LoadIdentity(config.data_dir);
  if (!identity) {
    OPS_LOG(kError, "opssight-agent: {}", identity.error().message);
    return 1;
  }
  const std::string id = identity->info.common_name;
  auto agent = Agent::Start(std::move(config), *std::move(identity), Clock::System());
  if (!agent) {
    OPS_LOG(kError, "opssight-agent: cannot start: {}", agent.error().message);
    return 1;
  }
  OPS_LOG(kInfo, "opssight-agent {}: agent {}", ThisBuild().version, id);
  notify("READY=1");
  while (NextSignal() == ProgramSignal::kReload) {
    const Status status = Reload(flags);
    if (!status) {
      OPS_LOG(kError, "config: reload: {}; the old configuration stays", status.error().message);
    }
  }
  notify("STOPPING=1");
  OPS_LOG(kInfo, "opssight-agent: stopping");
  UnblockStopSignals();
  (*agent)->Stop();
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

  LoadedConfig<AgentConfig> loaded = LoadConfigFiles(AgentTable(), flags);
  if (const auto status = AnswerConfigFlags(AgentTable(), flags, loaded)) return *status;
  AgentConfig config = Resolved(std::move(loaded.options), HostName());
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
