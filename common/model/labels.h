// Labels is what names a series or a log stream: name/value pairs, sorted by
// name, each name once, no empty value (in Prometheus and Loki an empty value
// is an absent label). Immutable values; compare, hash and print as a whole.
#pragma once

#include <compare>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace opssight {

inline constexpr std::string_view kMetricName = "__name__";

struct Label {
  std::string name;
  std::string value;
  auto operator<=>(const Label&) const = default;
};

class Labels {
 public:
  Labels() = default;
  // Sorts; of one name the last given stays; empty values are left out.
  explicit Labels(std::vector<Label> labels);
  // Labels{{"a", "1"}, {"b", "2"}}
  Labels(std::initializer_list<Label> labels) : Labels(std::vector<Label>(labels)) {}

  // "" where there is none, which is what an absent label means to matchers.
  std::string_view Get(std::string_view name) const;

  auto begin() const { return labels_.begin(); }
  auto end() const { return labels_.end(); }
  std::size_t size() const { return labels_.size(); }
  bool empty() const { return labels_.empty(); }
  auto operator<=>(const Labels&) const = default;

  std::uint64_t Hash() const;
  // {a="b", c="d"}, Go-quoted as Prometheus and Loki print it. With a metric
  // name and PrometheusText: name{a="b"}.
  std::string ToString() const;
  std::string PrometheusText() const;

 private:
  std::vector<Label> labels_;
};

// Bytes that differ for any two different label sets: name \xff value \xff …
// (0xff is in no UTF-8). The input of Labels::Hash and of layout ids.
void AppendLabelKey(std::string_view name, std::string_view value, std::string& key);

// "…" with \\ \" \n escaped, as Go's strconv.Quote does for printable UTF-8.
std::string Quoted(std::string_view text);

}  // namespace opssight
