// The queries that all servers are asked, and whether they say the same. A fast answer that
// is wrong is none: Prometheus must agree to 1e-9 of each value. VictoriaMetrics computes
// rate() in another way (the last sample before the window counts, nothing is extrapolated),
// so there the series must be the same and the values be near; how near is printed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/system/peer.h"

namespace opssight::bench {

inline constexpr std::int64_t kMinuteMs = 60'000;
inline constexpr std::int64_t kHourMs = 60 * kMinuteMs;

struct Question {
  enum class Kind : std::uint8_t { kInstant, kRange, kLabelValues };
  std::string what;
  Kind kind = Kind::kInstant;
  std::string expr;          // Of label values: the label.
  std::int64_t back_ms = 0;  // Where the range begins, before its end.
  std::int64_t step_ms = 0;
  bool rate = false;              // VictoriaMetrics has another definition.
  bool picks = false;             // By it: which series are in the answer depends on it.
  std::optional<double> goal_ms;  // Of CPU, ours.
};

// All but 7 days.
std::vector<Question> TwoHourQuestions();
std::vector<Question> WeekQuestions();

struct Asked {
  double cpu_ms = 0;  // Of the server; average.
  double p50_ms = 0;  // Wall.
  std::string body;   // The last one.
};
// times: at least 1.
Asked Ask(const Peer& peer, const Question& question, std::int64_t end_ms, int times);

struct Agreement {
  std::string difference;  // "": they agree, as well as the question allows.
  std::size_t values = 0;
  double worst = 0;  // Of the values' relative differences.
};
// exact: 1e-9; otherwise as said above.
Agreement Compare(const Question& question, const std::string& ours, const std::string& theirs,
                  bool exact);

}  // namespace opssight::bench
