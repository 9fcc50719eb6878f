#include "common/config/print.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/config/sample.h"

namespace opssight {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

LoadedConfig<sample::Options> Load(const std::string& text) {
  ConfigSources sources;
  sources.files.push_back({.path = "f.yaml", .text = text});
  return LoadConfig(sample::Table(), sources, nullptr);
}

constexpr std::string_view kAll = R"(host: "web 1"
verbose: true
workers: 4
ratio: 0.25
mode: safe
http:
  listen: :8080
paths: [/a, "b c"]
labels: {zone: eu}
spool: {bytes_max: 512MiB, sync: 1s}
probes: [{name: web, every: 1m}, {name: db}]
spools: {extra: {bytes_max: 2GB}}
)";

TEST(PrintTest, TheEffectiveConfigurationSaysWhereValuesCameFrom) {
  const auto loaded = Load("workers: 4\nspool:\n  sync: 1s\n");
  const std::string text = PrintConfig(sample::Table(), loaded.options, loaded.origins);
  EXPECT_THAT(text, HasSubstr("host: \"\"\n"));
  EXPECT_THAT(text, HasSubstr("workers: 4  # f.yaml:1\n"));
  EXPECT_THAT(text, HasSubstr("spool:\n  bytes_max: 1GiB\n  sync: 1s  # f.yaml:3\n"));
  EXPECT_THAT(text, HasSubstr("retention: 7d\n"));
}

TEST(PrintTest, WhatIsPrintedReadsBackTheSame) {
  const auto loaded = Load(std::string(kAll));
  ASSERT_TRUE(loaded.ok()) << loaded.problems.ToString();
  const std::string text = PrintConfig(sample::Table(), loaded.options, loaded.origins);
  const auto again = Load(text);
  ASSERT_TRUE(again.ok()) << again.problems.ToString() << text;
  EXPECT_TRUE(DiffConfig(sample::Table(), loaded.options, again.options).empty()) << text;
}

TEST(PrintTest, SecretsAreNotShownNotEvenInProblems) {
  const auto loaded = Load("http: {password: hunter2}");
  EXPECT_THAT(PrintConfig(sample::Table(), loaded.options, loaded.origins),
              HasSubstr("password: \"<secret>\""));
  EXPECT_THAT(Load("http: {password: [hunter2]}").problems.ToString(), Not(HasSubstr("hunter2")));
}

TEST(PrintTest, TheExampleFileSetsNothing) {
  const std::string text = ExampleFile(sample::Table(), "Settings of the sample.");
  EXPECT_THAT(text, HasSubstr("# Settings of the sample.\n"));
  EXPECT_THAT(text, HasSubstr("spool:\n  # Most bytes kept on disk.\n  #bytes_max: 1GiB\n"));
  const auto loaded = Load(text);
  EXPECT_TRUE(loaded.ok()) << loaded.problems.ToString();
  EXPECT_TRUE(loaded.origins.empty());
}

TEST(PrintTest, TheExampleUncommentedSetsTheDefaults) {
  std::string text = ExampleFile(sample::Table(), "x");
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] == '#' && text[i + 1] != ' ') text.erase(i, 1);
  }
  const auto loaded = Load(text);
  EXPECT_TRUE(loaded.ok()) << loaded.problems.ToString() << text;
  EXPECT_TRUE(DiffConfig(sample::Table(), sample::Options{}, loaded.options).empty());
  EXPECT_EQ(loaded.origins.count("retention"), 1U);
}

TEST(PrintTest, TheReferencePageHasARowForEachSetting) {
  const std::string page = ReferencePage(sample::Table(), "# Sample");
  EXPECT_THAT(page, HasSubstr("# Sample\n"));
  EXPECT_THAT(page, HasSubstr("| `workers` | number, from 1, to 64 | `2` | Threads. |\n"));
  EXPECT_THAT(page, HasSubstr("## spool\n\nThe queue on disk.\n"));
  EXPECT_THAT(page, HasSubstr("| `spool.sync` | duration | `20ms` | How long to wait for more. A "
                              "reload applies it. |"));
  EXPECT_THAT(page, HasSubstr("| `probes[].every` | duration, from 1s | `30s` | How often. |"));
  EXPECT_THAT(page, HasSubstr("The variable `SAMPLE_RETENTION` overrides it."));
}

}  // namespace
}  // namespace opssight
