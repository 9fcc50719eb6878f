#include "tests/promql/compare.h"

#include <bit>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "common/model/record.h"
#include "tests/promql/run.h"

namespace opssight::promqltest {
namespace {

TEST(AlmostEqualTest, Cases) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const double nan = std::nan("");
  const double stale = std::bit_cast<double>(kStaleNanBits);
  const struct {
    double a;
    double b;
    bool equal;
  } cases[] = {
      {1, 1, true},         {1, 1.000001, true}, {1, 1.00001, false},     {0, 1e-300, false},
      {nan, nan, true},     {nan, stale, false}, {stale, stale, true},    {kInf, kInf, true},
      {kInf, -kInf, false}, {0, -0.0, true},     {1e308, 1.1e308, false}, {1, nan, false},
  };
  for (const auto& one : cases) EXPECT_EQ(AlmostEqual(one.a, one.b), one.equal) << one.a << one.b;
}

TEST(CompareTextsTest, EachMeetsEach) {
  const Expected any = {};
  const Expected text = {.kind = Expected::Kind::kText, .text = "a"};
  const Expected regex = {.kind = Expected::Kind::kRegex, .text = "b+$"};
  EXPECT_EQ(CompareTexts("info", {}, {"a"}), "");
  EXPECT_EQ(CompareTexts("info", {any}, {"a", "x"}), "");
  EXPECT_NE(CompareTexts("info", {any}, {}), "");
  EXPECT_EQ(CompareTexts("info", {text, regex}, {"a", "abb"}), "");
  EXPECT_NE(CompareTexts("info", {text, regex}, {"a"}), "");
  EXPECT_NE(CompareTexts("info", {text}, {"a", "abb"}), "");
}

// That what is wrong is told: a runner that passes everything is worth nothing.
TEST(RunScriptTest, FailsWhatIsWrong) {
  const auto run = [](const std::string& eval) {
    const auto report = RunScript("load 1m\n  m{a=\"1\"} 1 2 3\n  m{a=\"2\"} 4 5 6\n\n" + eval);
    return report.has_value() && report->passed == report->total && report->total == 1;
  };
  EXPECT_TRUE(run("eval instant at 1m m\n m{a=\"1\"} 2\n m{a=\"2\"} 5\n"));
  EXPECT_FALSE(run("eval instant at 1m m\n m{a=\"1\"} 2\n m{a=\"2\"} 6\n"));
  EXPECT_FALSE(run("eval instant at 1m m\n m{a=\"1\"} 2\n"));
  EXPECT_FALSE(run("eval instant at 1m m{a=\"1\"}\n m{a=\"1\"} 2\n m{a=\"2\"} 5\n"));
  EXPECT_FALSE(run("eval instant at 1m m\n"));
  EXPECT_FALSE(run("eval instant at 1m m{\n"));
  EXPECT_FALSE(run("eval instant at 1m m\n expect fail\n"));
  EXPECT_FALSE(run("eval instant at 1m m\n expect warn\n m{a=\"1\"} 2\n m{a=\"2\"} 5\n"));
  EXPECT_TRUE(
      run("eval instant at 1m sort_desc(m)\n expect ordered\n m{a=\"2\"} 5\n m{a=\"1\"} 2\n"));
  EXPECT_FALSE(run("eval instant at 1m sort(m)\n expect ordered\n m{a=\"2\"} 5\n m{a=\"1\"} 2\n"));
  EXPECT_TRUE(run("eval range from 0 to 2m step 1m m{a=\"1\"}\n m{a=\"1\"} 1 2 3\n"));
  EXPECT_FALSE(run("eval range from 0 to 2m step 1m m{a=\"1\"}\n m{a=\"1\"} 1 2\n"));
  EXPECT_FALSE(run("eval range from 0 to 1m step 1m m{a=\"1\"}\n m{a=\"1\"} 1 2 3\n"));
  EXPECT_TRUE(run("eval instant at 0 1 + 1\n 2\n"));
  EXPECT_FALSE(run("eval instant at 0 1 + 1\n 3\n"));
}

}  // namespace
}  // namespace opssight::promqltest
