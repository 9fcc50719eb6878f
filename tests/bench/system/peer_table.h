// Figures of several servers side by side, ours in the first column, with the ratio to the
// best of the others: also where it loses.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace opssight::bench {

class PeerTable {
 public:
  // The next server's value of a row; the rows stand in the order in which they first came.
  void Add(const std::string& what, const std::string& unit, std::optional<double> value,
           std::optional<double> goal = {});
  // As a Markdown table to stdout.
  void Print(const std::string& title, const std::vector<std::string>& names) const;

 private:
  struct Row {
    std::string what;
    std::string unit;
    std::vector<std::optional<double>> values;  // A value for each server, in their order.
    std::optional<double> goal;                 // Of ours; at most.
  };
  static void PrintRow(const Row& row, std::size_t servers);
  std::vector<Row> rows_;
};

}  // namespace opssight::bench
