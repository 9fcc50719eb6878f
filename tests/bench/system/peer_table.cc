#include "tests/bench/system/peer_table.h"

#include <algorithm>
#include <cstdio>

#include <fmt/core.h>

namespace opssight::bench {
namespace {

std::string Number(double value) {
  return value >= 1000 ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value);
}

}  // namespace

void PeerTable::Add(const std::string& what, const std::string& unit, std::optional<double> value,
                    std::optional<double> goal) {
  const auto row = std::find_if(rows_.begin(), rows_.end(), [&](const Row& one) {
    return one.what == what && one.unit == unit;
  });
  if (row != rows_.end()) {
    row->values.push_back(value);
  } else {
    rows_.push_back({.what = what, .unit = unit, .values = {value}, .goal = goal});
  }
}

void PeerTable::Print(const std::string& title, const std::vector<std::string>& names) const {
  std::printf("\n%s\n\n| what |", title.c_str());
  for (const std::string& name : names) std::printf(" %s |", name.c_str());
  std::printf(" ours / best peer | goal | |\n|---|");
  for (std::size_t i = 0; i < names.size(); ++i) std::printf("---|");
  std::printf("---|---|---|\n");
  for (const Row& row : rows_) PrintRow(row, names.size());
  std::fflush(stdout);
}

void PeerTable::PrintRow(const Row& row, std::size_t servers) {
  std::printf("| %s, %s |", row.what.c_str(), row.unit.c_str());
  std::optional<double> best;
  for (std::size_t i = 0; i < servers; ++i) {
    const std::optional<double> value = i < row.values.size() ? row.values[i] : std::nullopt;
    std::printf(" %s |", value ? Number(*value).c_str() : "–");
    if (i > 0 && value && (!best || *value < *best)) best = value;
  }
  const std::optional<double>& ours = row.values.front();
  const bool has_ratio = ours && best && *best > 0;
  std::printf(" %s |", has_ratio ? fmt::format("{:.2f}", *ours / *best).c_str() : "–");
  std::printf(" %s | %s |\n", row.goal ? ("<= " + Number(*row.goal)).c_str() : "–",
              !row.goal || !ours   ? ""
              : *ours <= *row.goal ? "yes"
                                   : "NO");
}

}  // namespace opssight::bench
