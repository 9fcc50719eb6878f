// Who may not come in, and how both sides say so.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/core.h>
#include <gmock/gmock.h>

#include "tests/e2e/e2e_world.h"

namespace opssight {
namespace {

using testing::HasSubstr;

// A configuration for an agent beside the world's own; its path.
std::string SecondAgent(E2eWorld& world, const std::string& settings = "") {
  const std::string path = world / "second.yaml";
  std::ofstream(path) << fmt::format(R"(data_dir: {}
otlp:
  grpc:
    listen: ""
  http:
    listen: ""
tail:
  pods: []
  docker: []
  podman: []
{})",
                                     world / "second", settings);
  return path;
}

// The text of what must be an error.
std::string Refusal(const Result<std::string>& said) {
  return said ? "accepted: " + *said : said.error().message;
}

std::string AgentId(E2eWorld& world) {
  const auto list = world.programs().Command({"agent", "list"});
  if (!list) return list.error().message;
  std::istringstream in(*list);
  std::string id;
  for (std::string line; std::getline(in, line);) {
    if (line.find(" valid ") != line.npos) id = line.substr(0, line.find(' '));
  }
  return id;
}

TEST(Enrolment, TokensThatAreNoGood) {
  E2eWorld world;
  Programs& programs = world.programs();
  ASSERT_EQ(Why(programs.WriteConfigs()), "");
  ASSERT_EQ(Why(programs.aggregator().Start()), "");
  ASSERT_EQ(Why(programs.WaitForAggregator(kSoon)), "");
  const std::string second = SecondAgent(world);

  const auto used = programs.TokenLine();
  ASSERT_TRUE(used) << used.error().message;
  const auto enrolled = programs.EnrolBy(*used, programs.agent_config());
  ASSERT_TRUE(enrolled) << enrolled.error().message;
  EXPECT_THAT(Refusal(programs.EnrolBy(*used, second)), HasSubstr("was used 1 of 1 times"));

  const auto revoked = programs.TokenLine();
  ASSERT_TRUE(revoked) << revoked.error().message;
  const std::size_t at = revoked->find("--token ") + 8;
  const std::string id = revoked->substr(at, revoked->find('.', at) - at);
  ASSERT_TRUE(programs.Command({"token", "revoke", id}));
  EXPECT_THAT(Refusal(programs.EnrolBy(*revoked, second)), HasSubstr("was revoked"));

  const auto list = programs.Command({"token", "list"});
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_THAT(*list, AllOf(HasSubstr("used up"), HasSubstr("revoked"), Not(HasSubstr("valid"))));

  const auto good = programs.TokenLine();
  ASSERT_TRUE(good) << good.error().message;
  std::string wrong = *good;
  wrong.replace(wrong.find("--token ") + 8, 4, "0000");
  EXPECT_THAT(Refusal(programs.EnrolBy(wrong, second)), HasSubstr("no such token"));
  std::string pin = *good;
  const std::size_t digit = pin.find("sha256:") + 7;
  pin[digit] = pin[digit] == 'A' ? 'B' : 'A';
  EXPECT_THAT(Refusal(programs.EnrolBy(pin, second)), HasSubstr("pin"));
  EXPECT_FALSE(std::filesystem::exists(world / "second/identity.pem"));
  // The log says one refusal a second, so that nobody fills it; all are counted.
  EXPECT_THAT(programs.aggregator().Log(), HasSubstr("was used 1 of 1 times"));
  EXPECT_EQ(programs.AggregatorMetric("opssight_enrol_refused_total"), 3.0);
  EXPECT_TRUE(programs.EnrolBy(*good, second)) << "the right pin, the unused token";
}

TEST(Enrolment, ARevokedAgentIsSentAway) {
  E2eWorld world("collect:\n  interval: 1s\n", "agents:\n  session:\n    recheck: 1s\n");
  Programs& programs = world.programs();
  ASSERT_EQ(Why(programs.Start()), "");
  ASSERT_TRUE(world.Comes("\"value\":", [&] { return world.Query("system_cpu_load_1m"); }));
  const std::string id = AgentId(world);
  const auto revoked = programs.Command({"agent", "revoke", id});
  ASSERT_TRUE(revoked) << revoked.error().message;
  EXPECT_TRUE(world.Comes("was revoked", [&] { return programs.agent().Log(); }));
  EXPECT_TRUE(world.Comes("was revoked", [&] { return programs.aggregator().Log(); }));
  EXPECT_THAT(programs.agent().Log(), HasSubstr("enrol this host with a new token"));
  EXPECT_TRUE(programs.agent().running()) << "it keeps collecting into its spool";

  // Enrolled anew, it goes on, and what waited comes.
  ASSERT_EQ(Why(programs.agent().Terminate(kSoon)), "");
  const auto line = programs.TokenLine();
  ASSERT_TRUE(line) << line.error().message;
  const auto enrolled = programs.EnrolBy(*line, programs.agent_config());
  ASSERT_TRUE(enrolled) << enrolled.error().message;
  ASSERT_EQ(Why(programs.agent().Start()), "");
  ASSERT_EQ(Why(programs.WaitForAgent(kSoon)), "");
  EXPECT_TRUE(WaitFor(kSoon, [&] {
    return programs.AgentMetric("opssight_ship_acked_total").value_or(0) > 0 &&
           programs.AgentMetric("opssight_spool_batches").value_or(1) == 0;
  })) << programs.agent().LogTail();
  EXPECT_THAT(HttpGet(programs.url() + "/api/v1/monitoring/gaps").body, HasSubstr("\"data\":[]"))
      << "what the earlier identity had sent is not lost";
}

// A copy of the data folder, as in a cloned machine.
class Clone {
 public:
  explicit Clone(E2eWorld& world, const std::string& settings)
      : program_("the clone", {OPS_AGENT, "--config", SecondAgent(world, settings)},
                 world / "second.log") {
    std::filesystem::copy(world.programs().options().agent_dir, world / "second",
                          std::filesystem::copy_options::recursive);
  }
  Program& program() { return program_; }

 private:
  Program program_;
};

TEST(Enrolment, ACloneOnAnotherMachineIsRefused) {
  E2eWorld world;
  Programs& programs = world.programs();
  ASSERT_EQ(Why(programs.Start()), "");
  ASSERT_TRUE(world.Comes("\"value\":", [&] { return world.Query("system_cpu_load_1m"); }));
  std::filesystem::create_directories(world / "root/etc");
  std::ofstream(world / "root/etc/machine-id") << std::string(32, 'c') << "\n";
  Clone clone(world, "host_root: " + (world / "root") + "\n");
  ASSERT_EQ(Why(clone.program().Start()), "");
  EXPECT_TRUE(world.Comes("this is another machine", [&] { return clone.program().Log(); }));
  EXPECT_TRUE(world.Comes("this is another machine", [&] { return programs.aggregator().Log(); }));
  EXPECT_EQ(programs.AgentMetric("opssight_ship_connected"), 1.0)
      << "the original is not disturbed";
}

TEST(Enrolment, ACopyBesideTheLivingOriginalIsRefused) {
  E2eWorld world;
  Programs& programs = world.programs();
  ASSERT_EQ(Why(programs.Start()), "");
  ASSERT_TRUE(world.Comes("\"value\":", [&] { return world.Query("system_cpu_load_1m"); }));
  Clone clone(world, "");
  ASSERT_EQ(Why(clone.program().Start()), "");
  EXPECT_TRUE(world.Comes("refused: ", [&] { return clone.program().Log(); }));
  EXPECT_TRUE(world.Comes(": refused: ", [&] { return programs.aggregator().Log(); }));
  EXPECT_EQ(programs.AgentMetric("opssight_ship_connected"), 1.0)
      << "the original is not disturbed";
}

}  // namespace
}  // namespace opssight
