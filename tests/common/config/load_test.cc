#include "common/config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/config/sample.h"

namespace opssight {
namespace {

using sample::Options;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

LoadedConfig<Options> Load(std::vector<std::string> texts,
                           std::map<std::string, std::string> environment = {},
                           const YamlLimits& limits = {}) {
  ConfigSources sources;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    sources.files.push_back(
        {.path = fmt::format("{}.yaml", static_cast<char>('a' + i)), .text = texts[i]});
  }
  const auto lookup = [&environment](const std::string& name) -> std::optional<std::string> {
    const auto it = environment.find(name);
    if (it == environment.end()) return std::nullopt;
    return it->second;
  };
  return LoadConfig(sample::Table(), sources, lookup, limits);
}

std::vector<std::string> ProblemsOf(std::vector<std::string> texts,
                                    std::map<std::string, std::string> environment = {}) {
  std::vector<std::string> lines;
  const auto loaded = Load(std::move(texts), std::move(environment));
  for (const ConfigProblem& problem : loaded.problems.list()) lines.push_back(problem.ToString());
  return lines;
}

TEST(LoadTest, NothingSetIsAllDefaults) {
  for (const char* text : {"", "# only a comment\n", "---\n", "spool:\nprobes: ~\nhost:\n"}) {
    const auto loaded = Load({text});
    EXPECT_TRUE(loaded.ok()) << loaded.problems.ToString();
    EXPECT_EQ(loaded.options.spool.bytes_max, 1U << 30);
    EXPECT_THAT(loaded.options.paths, ElementsAre("/var/log"));
    EXPECT_TRUE(loaded.origins.empty());
  }
}

TEST(LoadTest, ReadsEveryKind) {
  const auto loaded = Load({R"(
host: "web 1"
verbose: yes
workers: 4
ratio: 0.25
mode: safe
http: {listen: ":8080", password: s3cret}
paths: [/a, /b]
ports: [3100, 9093]
labels: {zone: eu, rack: "7"}
spool: {bytes_max: 512MiB, sync: 1s500ms}
probes:
  - {name: web, url: "http://web", every: 1m}
spools:
  extra: {bytes_max: 2GB}
retention: 168h
)"});
  ASSERT_TRUE(loaded.ok()) << loaded.problems.ToString();
  const Options& options = loaded.options;
  EXPECT_EQ(options.host, "web 1");
  EXPECT_TRUE(options.verbose);
  EXPECT_EQ(options.workers, 4);
  EXPECT_EQ(options.ratio, 0.25);
  EXPECT_EQ(options.mode, sample::Mode::kSafe);
  EXPECT_EQ(options.listen, ":8080");
  EXPECT_EQ(options.password, "s3cret");
  EXPECT_THAT(options.paths, ElementsAre("/a", "/b"));
  EXPECT_THAT(options.ports, ElementsAre(3100, 9093));
  EXPECT_EQ(options.labels.at("rack"), "7");
  EXPECT_EQ(options.spool.bytes_max, 512U << 20);
  EXPECT_EQ(options.spool.sync_ms, 1500);
  EXPECT_THAT(options.probes,
              ElementsAre(sample::ProbeOptions{"web", "http://web", 60'000'000'000}));
  EXPECT_EQ(options.spools.at("extra").bytes_max, 2ULL << 30);
  EXPECT_EQ(options.spools.at("extra").sync_ms, 20);
  EXPECT_EQ(options.retention_ms, 7LL * 86'400'000);
  EXPECT_EQ(loaded.origins.at("spool.sync").ToString(), "a.yaml:11");
}

TEST(LoadTest, ListsAllProblemsByFileAndLine) {
  EXPECT_THAT(ProblemsOf({"spool:\n  byte_max: 1GiB\nworkers: many\n", "workers: 99\nmod: fast\n"}),
              ElementsAre("a.yaml:2: spool.byte_max: unknown key; did you mean \"bytes_max\"?",
                          "b.yaml:1: workers: 99 is above the most allowed, 64",
                          "b.yaml:2: mod: unknown key; did you mean \"mode\"?"));
}

TEST(LoadTest, SaysWhatIsWrongWithEachKindOfValue) {
  EXPECT_THAT(ProblemsOf({"workers: many"}),
              ElementsAre("a.yaml:1: workers: \"many\" is not a whole number"));
  EXPECT_THAT(ProblemsOf({"ports: [1, 70000]"}),
              ElementsAre("a.yaml:1: ports[1]: 70000 is not within 0 to 65535"));
  EXPECT_THAT(
      ProblemsOf({"mode: fats"}),
      ElementsAre("a.yaml:1: mode: \"fats\" is not one of fast, safe; did you mean \"fast\"?"));
  EXPECT_THAT(ProblemsOf({"spool: {sync: 10}"}),
              ElementsAre("a.yaml:1: spool.sync: \"10\" has no unit; write 10s or 10ms"));
  EXPECT_THAT(
      ProblemsOf({"spool: {bytes_max: 1k}"}),
      ElementsAre("a.yaml:1: spool.bytes_max: \"1k\" is not a size such as 512MiB or 10GB"));
  EXPECT_THAT(ProblemsOf({"spool: {bytes_max: 1000}"}),
              ElementsAre("a.yaml:1: spool.bytes_max: 1000 is below the least allowed, 1MiB"));
  EXPECT_THAT(ProblemsOf({"verbose: maybe"}),
              ElementsAre("a.yaml:1: verbose: \"maybe\" is neither true nor false"));
  EXPECT_THAT(ProblemsOf({"ratio: NaN"}), ElementsAre("a.yaml:1: ratio: \"NaN\" is not a number"));
  EXPECT_THAT(ProblemsOf({"http: {listen: 9090}"}), ElementsAre(HasSubstr("is not an address")));
  EXPECT_THAT(ProblemsOf({"paths: /a"}), ElementsAre("a.yaml:1: paths: must be a list"));
  EXPECT_THAT(ProblemsOf({"spool: 1"}), ElementsAre("a.yaml:1: spool: must be a map of keys"));
  EXPECT_THAT(ProblemsOf({"host: [a]"}), ElementsAre("a.yaml:1: host: must be a single value"));
}

TEST(LoadTest, AKeyAtTheWrongLevelIsPointedToItsPlace) {
  EXPECT_THAT(ProblemsOf({"bytes_max: 1GiB"}),
              ElementsAre("a.yaml:1: bytes_max: unknown key; did you mean \"spool.bytes_max\"?"));
  EXPECT_THAT(ProblemsOf({"zzzzzz: 1"}), ElementsAre("a.yaml:1: zzzzzz: unknown key"));
}

TEST(LoadTest, LaterFilesMergeIntoEarlierOnes) {
  const auto loaded =
      Load({"workers: 3\nhost: one\nlabels: {a: 1, b: 2}\npaths: [/x]\n"
            "probes: [{name: web, url: u1}, {name: db, url: u2}]\n",
            "host: two\nlabels: {b: 3}\npaths: [/y]\n"
            "probes: [{name: web, every: 5s}, {name: new}]\n"});
  ASSERT_TRUE(loaded.ok()) << loaded.problems.ToString();
  EXPECT_EQ(loaded.options.workers, 3);
  EXPECT_EQ(loaded.options.host, "two");
  EXPECT_EQ(loaded.options.labels, (std::map<std::string, std::string>{{"a", "1"}, {"b", "3"}}));
  EXPECT_THAT(loaded.options.paths, ElementsAre("/x", "/y"));
  EXPECT_THAT(loaded.options.probes,
              ElementsAre(sample::ProbeOptions{"web", "u1", 5'000'000'000},
                          sample::ProbeOptions{"db", "u2"}, sample::ProbeOptions{"new", ""}));
  EXPECT_EQ(loaded.origins.at("host").ToString(), "b.yaml:1");
  EXPECT_EQ(loaded.origins.at("workers").ToString(), "a.yaml:1");
}

TEST(LoadTest, NullTakesBackWhatWasSetBeforeButNotASection) {
  const auto loaded =
      Load({"host: one\npaths: [/x]\nspool: {sync: 1s}\n", "host: ~\npaths:\nspool:\n"});
  ASSERT_TRUE(loaded.ok()) << loaded.problems.ToString();
  EXPECT_EQ(loaded.options.host, "");
  EXPECT_THAT(loaded.options.paths, ElementsAre("/var/log"));
  EXPECT_EQ(loaded.options.spool.sync_ms, 1000);
}

TEST(LoadTest, ShapesThatDoNotMergeAreAProblem) {
  EXPECT_THAT(ProblemsOf({"spool: {sync: 1s}", "\nspool: [1]"}),
              ElementsAre("b.yaml:2: spool: a list here, but a map at a.yaml:1"));
}

TEST(LoadTest, ItemsSayWhichOneIsWrong) {
  EXPECT_THAT(ProblemsOf({"probes:\n- {name: web, evry: 1s}\n- {url: x}\n- 3\n"}),
              ElementsAre("a.yaml:2: probes[web].evry: unknown key; did you mean \"every\"?",
                          "a.yaml:3: probes[1].name: must be set",
                          "a.yaml:4: probes[2]: must be a map of keys"));
  EXPECT_THAT(ProblemsOf({"probes:\n- {name: web}\n- {name: web}\n"}),
              ElementsAre("a.yaml:3: probes: the name \"web\" stands twice"));
}

TEST(LoadTest, TheEnvironmentOverridesTheFiles) {
  const auto loaded = Load({"retention: 1h"}, {{"SAMPLE_RETENTION", "30d"}});
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.options.retention_ms, 30LL * 86'400'000);
  EXPECT_EQ(loaded.origins.at("retention").ToString(), "environment SAMPLE_RETENTION");
  EXPECT_EQ(Load({"retention: 1h"}, {{"SAMPLE_RETENTION", ""}}).options.retention_ms, 3'600'000);
  EXPECT_THAT(ProblemsOf({"a: 1"}, {{"SAMPLE_RETENTION", "x"}}),
              ElementsAre("a.yaml:1: a: unknown key",
                          HasSubstr("environment SAMPLE_RETENTION: retention: \"x\" is not")));
}

TEST(LoadTest, ChecksOfSeveralSettingsPointToWhereOneWasSet) {
  EXPECT_THAT(ProblemsOf({"mode: fast\nverbose: true\n"}),
              ElementsAre("a.yaml:2: verbose: does not go with mode fast"));
}

TEST(LoadTest, ManyProblemsAreCountedNotKept) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += fmt::format("unknown{}: 1\n", i);
  const auto loaded = Load({text});
  EXPECT_EQ(loaded.problems.list().size(), ConfigProblems::kKeptMax);
  EXPECT_THAT(loaded.problems.ToString(), HasSubstr("and 400 more problems"));
}

TEST(LoadTest, AllFilesTogetherKeepTheLimitOfValues) {
  const auto loaded = Load({"paths: [a, b, c]", "paths: [d, e, f]"}, {}, {.nodes_max = 8});
  EXPECT_EQ(loaded.problems.ToString(), "b.yaml:1: more than 8 values in all files together\n");
}

TEST(DiffTest, SaysWhatAReloadChangesAndWhatWaitsForAStart) {
  const Options before = Load({"ratio: 0.1\nhttp: {password: a}"}).options;
  const Options after =
      Load({"ratio: 0.2\nhttp: {password: b}\npaths: [/x, /y]\nworkers: 2"}).options;
  std::vector<std::string> lines;
  for (const ConfigChange& change : DiffConfig(sample::Table(), before, after)) {
    lines.push_back(fmt::format("{}: {} -> {}{}", change.key, change.from, change.to,
                                change.live ? " live" : ""));
  }
  EXPECT_THAT(lines,
              ElementsAre("ratio: 0.1 -> 0.2 live", "http.password: \"<secret>\" -> \"<secret>\"",
                          "paths: [/var/log] -> [/x, /y]"));
}

TEST(DidYouMeanTest, OnlyWhatIsNear) {
  const std::vector<std::string> keys = {"bytes_max", "sync", "http"};
  EXPECT_EQ(DidYouMean("byte_max", keys), "; did you mean \"bytes_max\"?");
  EXPECT_EQ(DidYouMean("snyc", keys), "; did you mean \"sync\"?");
  EXPECT_EQ(DidYouMean("retention", keys), "");
  EXPECT_EQ(DidYouMean(std::string(100'000, 'x'), keys), "");
}

}  // namespace
}  // namespace opssight
