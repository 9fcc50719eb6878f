#include "tests/faults/checker.h"

#include <algorithm>

#include <fmt/core.h>

namespace opssight::faults {
namespace {

constexpr std::size_t kShown = 8;

// "3 numbers: 4-6"
std::string Shown(const std::vector<std::uint64_t>& numbers) {
  std::string text;
  std::size_t runs = 0;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t end = i + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) ++end;
    if (++runs > kShown) return fmt::format("{} numbers:{} …", numbers.size(), text);
    text += end == i + 1 ? fmt::format(" {}", numbers[i])
                         : fmt::format(" {}-{}", numbers[i], numbers[end - 1]);
    i = end;
  }
  return fmt::format("{} numbers:{}", numbers.size(), text);
}

bool InGap(const Evidence& evidence, std::uint64_t n) {
  const std::int64_t time = evidence.first_ns + static_cast<std::int64_t>(n - 1) * evidence.step_ns;
  return std::any_of(evidence.gaps.begin(), evidence.gaps.end(), [&](const GapRecord& gap) {
    return gap.count > 0 && (!evidence.timed || (gap.from_ns <= time && time <= gap.to_ns));
  });
}

struct Counted {
  std::vector<std::uint64_t> missing;
  std::vector<std::uint64_t> doubled;
  std::vector<std::uint64_t> unknown;  // Never emitted.
};

Counted Count(const Evidence& evidence, Verdict& verdict) {
  Counted counted;
  std::vector<std::uint64_t> times(evidence.emitted + 1, 0);
  for (const std::uint64_t n : evidence.found) {
    if (n == 0 || n > evidence.emitted) {
      counted.unknown.push_back(n);
    } else {
      ++times[n];
    }
  }
  for (std::uint64_t n = 1; n <= evidence.emitted; ++n) {
    if (times[n] == 0) counted.missing.push_back(n);
    if (times[n] > 0) ++verdict.found;
    if (times[n] > 1) {
      counted.doubled.push_back(n);
      verdict.duplicates += times[n] - 1;
    }
  }
  return counted;
}

}  // namespace

Verdict Check(const Evidence& evidence) {
  Verdict verdict{.source = evidence.source, .emitted = evidence.emitted};
  const auto problem = [&](const std::string& what) {
    verdict.problems.push_back(fmt::format("{}: {}", evidence.source, what));
  };
  const Counted counted = Count(evidence, verdict);
  verdict.missing = counted.missing.size();
  for (const GapRecord& gap : evidence.gaps) verdict.in_gaps += gap.count;
  std::vector<std::uint64_t> silent;
  for (const std::uint64_t n : counted.missing) {
    if (!InGap(evidence, n)) silent.push_back(n);
  }
  verdict.unexplained = silent.size();

  if (evidence.emitted == 0) problem("nothing was emitted: the test shows nothing");
  if (!counted.unknown.empty()) problem("never emitted, " + Shown(counted.unknown));
  if (!counted.doubled.empty()) problem("more than once, " + Shown(counted.doubled));
  if (!silent.empty()) problem("missing without a gap record, " + Shown(silent));
  if (verdict.in_gaps < verdict.missing) {
    problem(fmt::format("gap records say {} of {} missing ({})", verdict.in_gaps, verdict.missing,
                        Shown(counted.missing)));
  }
  if (verdict.in_gaps > verdict.missing + evidence.retried) {
    problem(fmt::format("gap records say {} lost where {} are missing", verdict.in_gaps,
                        verdict.missing));
  }
  for (std::size_t i = 0; i < std::min(kShown, evidence.strange.size()); ++i) {
    problem("not what was emitted: " + evidence.strange[i]);
  }
  return verdict;
}

}  // namespace opssight::faults
