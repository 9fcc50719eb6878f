#include "tests/diff/answer.h"

#include <algorithm>
#include <cmath>
#include <simdjson.h>

#include <fmt/core.h>

#include "common/text/number.h"

namespace opssight::diff {

namespace {

using simdjson::dom::element;

bool ReadPoint(element json, promql::Point& point) {
  double seconds = 0;
  std::string_view value;
  if (json.at(0).get(seconds) != simdjson::SUCCESS || json.at(1).get(value) != simdjson::SUCCESS) {
    return false;
  }
  const auto number = ParseDouble(value);
  point = {.time_ms = std::llround(seconds * 1000), .value = number.value_or(0)};
  return number.has_value();
}

bool ReadSeries(element json, Answer::Series& series) {
  simdjson::dom::object metric;
  if (json["metric"].get(metric) != simdjson::SUCCESS) return false;
  std::vector<Label> labels;
  for (const auto field : metric) {
    std::string_view value;
    if (field.value.get(value) != simdjson::SUCCESS) return false;
    labels.push_back({std::string(field.key), std::string(value)});
  }
  series.labels = Labels(std::move(labels));
  element value;
  if (json["value"].get(value) == simdjson::SUCCESS) {
    return ReadPoint(value, series.points.emplace_back());
  }
  simdjson::dom::array values;
  if (json["values"].get(values) != simdjson::SUCCESS) return false;
  for (const element point : values) {
    if (!ReadPoint(point, series.points.emplace_back())) return false;
  }
  return true;
}

bool ReadData(element data, Answer& answer) {
  std::string_view type;
  simdjson::dom::array result;
  if (data["resultType"].get(type) != simdjson::SUCCESS ||
      data["result"].get(result) != simdjson::SUCCESS) {
    return false;
  }
  answer.type = type;
  if (type == "scalar") {
    return ReadPoint(data["result"].value(), answer.series.emplace_back().points.emplace_back());
  }
  for (const element series : result) {
    if (!ReadSeries(series, answer.series.emplace_back())) return false;
  }
  return true;
}

bool Same(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return a == b || std::abs(a - b) <= 1e-9 * std::max(std::abs(a), std::abs(b));
}

std::string PointsDifference(const std::vector<promql::Point>& theirs,
                             const std::vector<promql::Point>& ours) {
  for (std::size_t i = 0; i < std::min(theirs.size(), ours.size()); ++i) {
    if (theirs[i].time_ms == ours[i].time_ms && Same(theirs[i].value, ours[i].value)) continue;
    return fmt::format("point {}: theirs {} at {}, ours {} at {}", i, FormatDouble(theirs[i].value),
                       theirs[i].time_ms, FormatDouble(ours[i].value), ours[i].time_ms);
  }
  if (theirs.size() == ours.size()) return "";
  return fmt::format("theirs has {} points, ours {}", theirs.size(), ours.size());
}

std::string SeriesDifference(std::vector<Answer::Series> theirs, std::vector<Answer::Series> ours,
                             bool sorted) {
  const auto by_labels = [](const auto& a, const auto& b) { return a.labels < b.labels; };
  if (sorted && !std::is_sorted(ours.begin(), ours.end(), by_labels)) return "ours is not sorted";
  std::sort(theirs.begin(), theirs.end(), by_labels);
  std::sort(ours.begin(), ours.end(), by_labels);
  for (std::size_t i = 0; i < std::min(theirs.size(), ours.size()); ++i) {
    const std::string name = theirs[i].labels.PrometheusText();
    if (theirs[i].labels != ours[i].labels) {
      return fmt::format("theirs has {}, ours {}", name, ours[i].labels.PrometheusText());
    }
    if (std::string why = PointsDifference(theirs[i].points, ours[i].points); !why.empty()) {
      return name + ": " + why;
    }
  }
  if (theirs.size() == ours.size()) return "";
  return fmt::format("theirs has {} series, ours {}", theirs.size(), ours.size());
}

// Equal values may stand in any order.
std::string OrderDifference(const Answer& theirs, const Answer& ours) {
  for (std::size_t i = 0; i < std::min(theirs.series.size(), ours.series.size()); ++i) {
    const auto value = [i](const Answer& of) { return of.series[i].points.at(0).value; };
    if (!Same(value(theirs), value(ours))) return fmt::format("another order at {}", i);
  }
  return "";
}

// Of several groups with duplicates, which is told, and its two series' order, is chance.
std::string WithoutExamples(const std::string& error) {
  constexpr std::string_view kGroup = "found duplicate series for the match group {";
  if (!error.starts_with(kGroup)) return error;
  std::string text = error.substr(0, error.find(": ["));
  const std::size_t end = text.find("} on the ");
  if (end != std::string::npos) text.erase(kGroup.size(), end - kGroup.size());
  return text;
}

std::string ErrorDifference(const Answer& theirs, const Answer& ours) {
  const bool parse = theirs.error_type == "bad_data";
  const bool same = theirs.error_type != kNoAnswer && theirs.error_type == ours.error_type &&
                    (parse || WithoutExamples(theirs.error) == WithoutExamples(ours.error));
  if (same) return "";
  return fmt::format("theirs fails: '{} {}', ours: '{} {}'", theirs.error_type, theirs.error,
                     ours.error_type, ours.error);
}

Answer::Series Points(const promql::ResultSeries& series) {
  Answer::Series points = {.labels = series.labels, .points = series.points};
  return points;
}

}  // namespace

Result<Answer> ParseAnswer(std::string_view body) {
  simdjson::dom::parser parser;
  element json;
  if (parser.parse(body.data(), body.size()).get(json) != simdjson::SUCCESS) {
    return Invalid("no JSON: " + std::string(body.substr(0, 200)));
  }
  Answer answer;
  std::string_view type;
  if (json["errorType"].get(type) == simdjson::SUCCESS) {
    std::string_view error;
    if (json["error"].get(error) != simdjson::SUCCESS) return Invalid("an error without its text");
    answer.error_type = type;
    answer.error = error;
    return answer;
  }
  element data;
  if (json["data"].get(data) == simdjson::SUCCESS && ReadData(data, answer)) return answer;
  return Invalid("no answer: " + std::string(body.substr(0, 200)));
}

Answer FromOutcome(const tl::expected<promql::QueryResult, promql::QueryError>& outcome) {
  static constexpr const char* kErrors[] = {"bad_data", "execution", "canceled", "timeout",
                                            "internal"};
  if (!outcome.has_value()) {
    return {.error_type = kErrors[static_cast<std::size_t>(outcome.error().kind)],
            .error = outcome.error().message};
  }
  Answer answer;
  if (const auto* scalar = std::get_if<promql::ScalarResult>(&outcome->value)) {
    answer.type = "scalar";
    answer.series.push_back({.labels = {}, .points = {scalar->point}});
  } else if (const auto* vector = std::get_if<promql::VectorResult>(&outcome->value)) {
    answer.type = "vector";
    for (const auto& series : vector->series) answer.series.push_back(Points(series));
  } else if (const auto* matrix = std::get_if<promql::MatrixResult>(&outcome->value)) {
    answer.type = "matrix";
    for (const auto& series : matrix->series) answer.series.push_back(Points(series));
  } else {
    answer.type = "string";
  }
  return answer;
}

bool SameValues(const Answer& a, const Answer& b) {
  const auto values = [](const Answer& of) {
    std::vector<std::pair<std::int64_t, double>> all;
    for (const Answer::Series& series : of.series) {
      for (const promql::Point& point : series.points) {
        // NaN has no place in an order.
        all.emplace_back(point.time_ms, std::isnan(point.value) ? -1e308 : point.value);
      }
    }
    std::sort(all.begin(), all.end());
    return all;
  };
  const auto same = [](const auto& x, const auto& y) {
    return x.first == y.first && Same(x.second, y.second);
  };
  const auto left = values(a);
  const auto right = values(b);
  return std::equal(left.begin(), left.end(), right.begin(), right.end(), same);
}

std::string Difference(const Answer& theirs, const Answer& ours, bool ordered) {
  if (!theirs.error_type.empty() || !ours.error_type.empty()) return ErrorDifference(theirs, ours);
  if (theirs.type != ours.type) {
    return fmt::format("theirs is a {}, ours a {}", theirs.type, ours.type);
  }
  std::string why = SeriesDifference(theirs.series, ours.series, theirs.type == "matrix");
  if (why.empty() && ordered && theirs.type == "vector") why = OrderDifference(theirs, ours);
  return why;
}

}  // namespace opssight::diff
