// sort, sort_desc, sort_by_label, sort_by_label_desc: the order of an instant query's answer.
#include <algorithm>
#include <cmath>
#include <utility>

#include "aggregator/promql/functions/families.h"

namespace opssight::promql {

namespace {

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view TakeDigits(std::string_view& text) {
  std::size_t zeros = 0;
  while (zeros + 1 < text.size() && text[zeros] == '0' && IsDigit(text[zeros + 1])) ++zeros;
  std::size_t end = zeros;
  while (end < text.size() && IsDigit(text[end])) ++end;
  const std::string_view digits = text.substr(zeros, end - zeros);
  text.remove_prefix(end);
  return digits;
}

// As people sort: runs of digits by their number. Below 0, 0, above 0.
int CompareNatural(std::string_view a, std::string_view b) {
  const std::string_view whole_a = a;
  const std::string_view whole_b = b;
  while (!a.empty() && !b.empty()) {
    if (IsDigit(a[0]) && IsDigit(b[0])) {
      const std::string_view x = TakeDigits(a);
      const std::string_view y = TakeDigits(b);
      if (x.size() != y.size()) return x.size() < y.size() ? -1 : 1;
      if (const int order = x.compare(y); order != 0) return order;
      continue;
    }
    if (a[0] != b[0]) {
      return static_cast<unsigned char>(a[0]) < static_cast<unsigned char>(b[0]) ? -1 : 1;
    }
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  if (a.empty() != b.empty()) return a.empty() ? -1 : 1;
  return whole_a.compare(whole_b);
}

// False: of a range query the answer is ordered by labels whatever is done here.
bool OrderCounts(VectorArgs& args) {
  if (args.instant) return true;
  args.annotations.Warn(
      "sort is ineffective for range queries since results are always ordered by labels",
      args.call.pos);
  return false;
}

Result<Columns> SortValues(VectorArgs& args, bool descending) {
  Columns columns = std::move(args.args[0].columns);
  std::erase_if(columns, [](Column& column) {
    column.histograms.clear();
    return std::all_of(column.values.begin(), column.values.end(), IsAbsent);
  });
  if (!OrderCounts(args)) return columns;
  // NaN comes last in both.
  std::stable_sort(columns.begin(), columns.end(), [descending](const Column& a, const Column& b) {
    const double x = a.values[0];
    const double y = b.values[0];
    if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) && std::isnan(y);
    return descending ? x > y : x < y;
  });
  return columns;
}

Result<Columns> SortLabels(VectorArgs& args, int direction) {
  Columns columns = std::move(args.args[0].columns);
  if (!OrderCounts(args)) return columns;
  const auto before = [&](const Column& a, const Column& b) {
    for (std::size_t i = 1; i < args.args.size(); ++i) {
      const std::string_view x = a.labels.Get(args.args[i].text);
      const std::string_view y = b.labels.Get(args.args[i].text);
      if (x == y) continue;
      return CompareNatural(x, y) * direction < 0;
    }
    return direction > 0 ? a.labels < b.labels : b.labels < a.labels;
  };
  std::stable_sort(columns.begin(), columns.end(), before);
  return columns;
}

}  // namespace

Result<Columns> Sort(VectorArgs& args) {
  return SortValues(args, false);
}
Result<Columns> SortDesc(VectorArgs& args) {
  return SortValues(args, true);
}
Result<Columns> SortByLabel(VectorArgs& args) {
  return SortLabels(args, 1);
}
Result<Columns> SortByLabelDesc(VectorArgs& args) {
  return SortLabels(args, -1);
}

}  // namespace opssight::promql
