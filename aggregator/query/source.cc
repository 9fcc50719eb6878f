#include "aggregator/query/source.h"

#include <utility>

namespace opssight {
namespace {

class OnePortion final : public SeriesPortions {
 public:
  explicit OnePortion(std::vector<Series> series) : series_(std::move(series)) {}
  std::size_t count() const override { return 1; }
  Result<std::vector<Series>> Read(std::size_t) override { return std::move(series_); }

 private:
  std::vector<Series> series_;
};

}  // namespace

std::set<std::string> NamesOrValues(const std::vector<Labels>& sets, std::string_view name) {
  std::set<std::string> found;
  for (const Labels& labels : sets) {
    if (!name.empty()) {
      if (const auto value = labels.Get(name); !value.empty()) found.emplace(value);
      continue;
    }
    for (const Label& label : labels) found.insert(label.name);
  }
  return found;
}

Result<std::unique_ptr<SeriesPortions>> SeriesSource::SelectPortions(
    const std::vector<Matcher>& matchers, std::int64_t from_ms, std::int64_t to_ms,
    const QueryLimits& limits, SeriesLabels) const {
  OPS_TRY(std::vector<Series> series, Select(matchers, from_ms, to_ms, limits));
  return std::make_unique<OnePortion>(std::move(series));
}

Result<std::set<std::string>> SeriesSource::SelectStrings(std::string_view name,
                                                          const std::vector<Matcher>& matchers,
                                                          std::int64_t from_ms, std::int64_t to_ms,
                                                          const QueryLimits& limits) const {
  OPS_TRY(const std::vector<Labels> sets, SelectLabels(matchers, from_ms, to_ms, limits));
  return NamesOrValues(sets, name);
}

}  // namespace opssight
