// opssight-aggregator: flags, commands, and the program between two signals.
#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>

#include <fmt/core.h>

#include "aggregator/config/aggregator_config.h"
#include "aggregator/main/aggregator.h"
#include "aggregator/main/commands.h"
#include "common/app/config_flags.h"
#include "common/app/notify.h"
#include "common/app/signals.h"
#include "common/base/log.h"
#include "common/selfmon/build_info.h"
#include "common/text/units.h"

namespace opssight {
namespace {

using Command = std::function<int(const AggregatorConfig&)>;

// What was asked for: none is "run".
struct Request {
  ConfigFlags flags;
  Command command;
};

void AddTokenCommands(CLI::App& app, Request& request) {
  CLI::App* token = app.add_subcommand("token", "Tokens with which hosts enrol");
  token->require_subcommand(1);
  CLI::App* create = token->add_subcommand("create", "Print the line that enrols a host");
  static TokenCreateOptions options;
  static std::string ttl = "24h";
  static std::string id;
  create->add_option("--ttl", ttl, "How long the token is good, as 24h or 30m")
      ->capture_default_str();
  create->add_option("--uses", options.uses, "How many hosts may use it")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  create->callback([&request] {
    request.command = [](const AggregatorConfig& config) {
      const auto ms = ParsePromDurationMs(ttl);
      if (!ms) {
        fmt::print(stderr, "token create: --ttl {}: want a duration such as 24h or 30m\n", ttl);
        return 2;
      }
      options.life_s = *ms / kMsPerSecond;
      return CreateTokenCommand(config, options);
    };
  });
  token->add_subcommand("list", "All tokens")->callback([&request] {
    request.command = &ListTokensCommand;
  });
  CLI::App* revoke = token->add_subcommand("revoke", "Make a token useless");
  revoke->add_option("id", id, "The token's id (before the dot)")->required();
  revoke->callback([&request] {
    request.command = [](const AggregatorConfig& config) { return RevokeTokenCommand(config, id); };
  });
}

void AddAgentCommands(CLI::App& app, Request& request) {
  CLI::App* agent = app.add_subcommand("agent", "Enrolled agents");
  agent->require_subcommand(1);
  static std::string id;
  agent->add_subcommand("list", "All agents")->callback([&request] {
    request.command = &ListAgentsCommand;
  });
  CLI::App* revoke = agent->add_subcommand("revoke", "Refuse an agent from now on");
  revoke->add_option("id", id, "The agent's id, as `agent list` shows it")->required();
  revoke->callback([&request] {
    request.command = [](const AggregatorConfig& config) { return RevokeAgentCommand(config, id); };
  });
}

// Loads everything anew; nothing changes where there is any problem. What the tables
// call live is applied, the rest is named and waits for a restart.
Status Reload(const ConfigFlags& flags, const AggregatorConfig& running) {
  LoadedConfig<AggregatorConfig> loaded = LoadConfigFiles(AggregatorTable(), flags);
  if (!loaded.ok()) return Invalid(ProblemsText(loaded.problems));
  SetLogLevel(loaded.options.log_level);
  for (const ConfigChange& change : DiffConfig(AggregatorTable(), running, loaded.options)) {
    OPS_LOG(kInfo, "config: {}: {} -> {}{}", change.key, change.from, change.to,
            change.live ? "" : "; waits for a restart");
  }
  OPS_LOG(kInfo, "config: {} was read again", flags.file);
  return {};
}

int Run(const ConfigFlags& flags, const AggregatorConfig& config) {
  const auto notify = [](std::string_view state) {
    Notify(ProcessEnvironment("NOTIFY_SOCKET").value_or(""), state);
  };
  SetLogLevel(config.log_level);
  const auto reload = [&] { return Reload(flags, config); };
  auto aggregator = Aggregator::Start(Resolved(config), Clock::System(), reload);
  if (!aggregator) {
    OPS_LOG(kError, "opssight-aggregator: cannot start: {}", aggregator.error().message);
    return 1;
  }
  OPS_LOG(kInfo, "opssight-aggregator {}: HTTP on {}, agents on {}", ThisBuild().version,
          (*aggregator)->http_address(), (*aggregator)->agents_address());
  notify("READY=1");
  while (NextSignal() == ProgramSignal::kReload) {
    const Status status = (*aggregator)->Reload();
    if (!status) {
      OPS_LOG(kError, "config: reload: {}; the old configuration stays", status.error().message);
    }
  }
  notify("STOPPING=1");
  OPS_LOG(kInfo, "opssight-aggregator: stopping");
  UnblockStopSignals();
  (*aggregator)->Stop();
  return 0;
}

int Main(int argc, char** argv) {
  BlockSignals();
  CLI::App app("OpsSight aggregator: stores what agents send and answers queries.");
  app.set_version_flag("--version", fmt::format("opssight-aggregator {} ({})", ThisBuild().version,
                                                ThisBuild().revision));
  app.require_subcommand(0, 1);
  Request request;
  ConfigFlags& flags = request.flags;
  flags.file = "/etc/opssight/aggregator.yaml";
  app.add_option("--config", flags.file, "The configuration file")->capture_default_str();
  app.add_option("--config-dir", flags.dir,
                 "Folder of drop-ins (default: the file's name with .d)");
  app.add_flag("--check-config", flags.check,
               "Check the configuration, say all that is wrong, end");
  app.add_flag("--print-config", flags.print, "Print the configuration in effect, end");
  AddTokenCommands(app, request);
  AddAgentCommands(app, request);
  CLI11_PARSE(app, argc, argv);
  flags.file_given = app.count("--config") != 0;

  LoadedConfig<AggregatorConfig> loaded = LoadConfigFiles(AggregatorTable(), flags);
  if (const auto status = AnswerConfigFlags(AggregatorTable(), flags, loaded)) return *status;
  if (request.command) return request.command(Resolved(std::move(loaded.options)));
  return Run(flags, loaded.options);
}

}  // namespace
}  // namespace opssight

int main(int argc, char** argv) {
  return opssight::Main(argc, argv);
}
