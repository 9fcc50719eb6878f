// README.md's tour is a test: each "$ command" of its console blocks is run, in order,
// and must end well with the output that the page shows, where "…" stands for any text.
// The programs are those of this build, on ports and in a folder of the test's own.
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace opssight {
namespace {

struct Step {
  std::string command;
  std::string shown;  // The page's output, lines with their ends.
};

std::vector<Step> StepsOf(const std::string& page) {
  std::vector<Step> steps;
  std::istringstream lines(page);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) {
      inside = line == "```console";
    } else if (inside && line.starts_with("$ ")) {
      steps.push_back({.command = line.substr(2), .shown = {}});
    } else if (inside && !steps.empty()) {
      steps.back().shown += line + "\n";
    }
  }
  return steps;
}

// Whether text is pattern, in which "…" is any text; blanks at the ends do not count.
bool Shows(std::string_view pattern, std::string_view text) {
  constexpr std::string_view kAny = "…";
  const auto trim = [](std::string_view& view) {
    while (view.ends_with('\n') || view.ends_with(' ')) view.remove_suffix(1);
  };
  trim(pattern);
  trim(text);
  std::size_t at = pattern.find(kAny);
  if (at == std::string_view::npos) return pattern == text;
  if (!text.starts_with(pattern.substr(0, at))) return false;
  text.remove_prefix(at);
  pattern.remove_prefix(at);
  while (pattern.starts_with(kAny)) {
    pattern.remove_prefix(kAny.size());
    at = pattern.find(kAny);
    const std::string_view piece = pattern.substr(0, at);
    if (at == std::string_view::npos) return text.ends_with(piece);
    const std::size_t found = text.find(piece);
    if (found == std::string_view::npos) return false;
    text.remove_prefix(found + piece.size());
    pattern.remove_prefix(at);
  }
  return false;
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

TEST(ShowsTest, DotsAreAnyTextAndTheRestIsExact) {
  EXPECT_TRUE(Shows("a…c\n", "abbc"));
  EXPECT_TRUE(Shows("…end", "the end\n"));
  EXPECT_TRUE(Shows("start…", "start and more"));
  EXPECT_TRUE(Shows("[…x…]", "[1x2]"));
  EXPECT_FALSE(Shows("[…x…]", "[12]"));
  EXPECT_FALSE(Shows("abc", "abcd"));
  EXPECT_FALSE(Shows("a…c", "abcd"));
}

class ReadmeTest : public ::testing::Test {
 protected:
  ReadmeTest() {
    const auto set = [](const char* name, const std::string& value) {
      setenv(name, value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): one thread
    };
    set("OPSSIGHT_BIN", OPS_BIN_DIR);
    set("OPSSIGHT_DATA", data_.path());
    set("OPSSIGHT_PORT", std::to_string(http_));
    set("OPSSIGHT_AGENTS_PORT", std::to_string(FreePort()));
    set("OPSSIGHT_OTLP_GRPC", std::to_string(FreePort()));
    set("OPSSIGHT_OTLP_HTTP", std::to_string(otlp_));
  }
  // Whatever failed, nothing that was started goes on.
  ~ReadmeTest() override { (void)Shell("packaging/quickstart stop"); }

  Result<std::string> Shell(const std::string& command) {
    return opssight::Run(
        {"timeout", "60", "bash", "-c", "cd '" + std::string(OPS_SOURCE_DIR) + "' && " + command});
  }
  // A command or output with this test's ports and folder for those of the page.
  std::string Here(std::string text) const {
    text = Replaced(std::move(text), "127.0.0.1:9090", "127.0.0.1:" + std::to_string(http_));
    text = Replaced(std::move(text), "127.0.0.1:4318", "127.0.0.1:" + std::to_string(otlp_));
    return Replaced(std::move(text), "build/quickstart", data_.path());
  }

  const TempDir data_;
  const int http_ = FreePort();
  const int otlp_ = FreePort();
};

TEST_F(ReadmeTest, TheTourShowsWhatThePageShows) {
  std::ifstream file(std::string(OPS_SOURCE_DIR) + "/README.md");
  std::stringstream page;
  page << file.rdbuf();
  const std::vector<Step> steps = StepsOf(page.str());
  ASSERT_GE(steps.size(), 10U);
  for (const Step& step : steps) {
    const auto output = Shell(Here(step.command));
    ASSERT_TRUE(output.has_value()) << step.command << "\n" << output.error().message;
    EXPECT_TRUE(Shows(Here(step.shown), *output)) << step.command << "\nshows\n"
                                                  << *output << "\nand the page\n"
                                                  << step.shown;
  }
}

}  // namespace
}  // namespace opssight
