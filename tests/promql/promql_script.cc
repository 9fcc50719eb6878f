// promql_script FILE… runs scripts and prints passed/total of each and of all, and of what
// failed: file:line, the query, what was expected and what came. Ends with 1 if any did.
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "common/base/files.h"
#include "tests/promql/run.h"

namespace {

constexpr std::size_t kScriptBytesMax = 16UL << 20;

// Whether all passed.
bool RunFile(const std::string& path, opssight::promqltest::Report& all) {
  auto text = opssight::ReadFile(path, kScriptBytesMax);
  if (!text) {
    fmt::print("{}: {}\n", path, text.error().message);
    return false;
  }
  const auto report = opssight::promqltest::RunScript(*text);
  if (!report) {
    fmt::print("{}: {}\n", path, report.error().message);
    return false;
  }
  for (const auto& failure : report->failures) {
    fmt::print("{}:{}: {}\n    {}\n", path, failure.line, failure.query, failure.why);
  }
  fmt::print("{}: {}/{}\n", path, report->passed, report->total);
  all.passed += report->passed;
  all.total += report->total;
  return report->passed == report->total;
}

}  // namespace

int main(int argc, char** argv) {
  opssight::promqltest::Report all;
  bool good = argc > 1;
  for (int i = 1; i < argc; ++i) good = RunFile(argv[i], all) && good;
  if (argc > 2) fmt::print("all: {}/{}\n", all.passed, all.total);
  return good ? 0 : 1;
}
