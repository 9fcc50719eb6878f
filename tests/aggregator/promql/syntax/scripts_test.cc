// Every query of PromQL's conformance scripts parses, and prints to what parses to the same.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <re2/re2.h>

#include "tests/aggregator/promql/syntax/parse_for_test.h"

namespace opssight::promql {
namespace {

struct Eval {
  std::string query;
  std::string where;
  bool may_fail = false;
};

void AddEvals(const std::filesystem::path& path, std::vector<Eval>& evals) {
  static const re2::RE2 instant(
      R"(^eval(_fail|_warn|_ordered|_info)?\s+instant\s+(?:at\s+(?:.+?))?\s+(.+)$)");
  static const re2::RE2 range(
      R"(^eval(_fail|_warn|_info)?\s+range\s+from\s+.+\s+to\s+.+\s+step\s+.+?\s+(.+)$)");
  static const re2::RE2 fail(R"(^\s*expect\s+fail.*)");
  std::ifstream file(path);
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.erase(0, 1);
    std::string kind;
    Eval eval;
    if (re2::RE2::FullMatch(line, instant, &kind, &eval.query) ||
        re2::RE2::FullMatch(line, range, &kind, &eval.query)) {
      eval.where = path.filename().string() + ":" + std::to_string(number);
      eval.may_fail = kind == "_fail";
      evals.push_back(eval);
    } else if (re2::RE2::FullMatch(line, fail) && !evals.empty()) {
      evals.back().may_fail = true;
    }
  }
}

std::vector<Eval> AllEvals() {
  std::vector<Eval> evals;
  const std::filesystem::path folder =
      std::filesystem::path(OPS_SOURCE_DIR) / "tests/promql/testdata";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".test") AddEvals(entry.path(), evals);
  }
  return evals;
}

TEST(Scripts, ParseAndPrintToTheSame) {
  const std::vector<Eval> evals = AllEvals();
  EXPECT_EQ(evals.size(), 2214U);
  for (const Eval& eval : evals) {
    SCOPED_TRACE(eval.where + ": " + eval.query);
    const auto expr = ParseExpr(eval.query, AllOfIt());
    if (!expr) {
      EXPECT_TRUE(eval.may_fail) << expr.error().message;
      continue;
    }
    const std::string text = Print(**expr);
    EXPECT_EQ(Printed(text), text);
    EXPECT_EQ(Printed(PrettyPrint(**expr)), text);
  }
}

}  // namespace
}  // namespace opssight::promql
