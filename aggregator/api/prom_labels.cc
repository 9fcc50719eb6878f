// labels, label/<name>/values, series.
#include <cstddef>
#include <iterator>
#include <set>

#include "aggregator/api/answer.h"
#include "aggregator/api/label_escape.h"
#include "aggregator/api/prom_endpoints.h"
#include "common/text/quote.h"
#include "common/text/utf8.h"

namespace opssight {
namespace {

// The names of labels, or the values of one.
PromResult AnswerStrings(const PromContext& context, const PromCall& call, std::string_view name) {
  OPS_TRY(const std::size_t limit, LimitParameter(call.request));
  OPS_TRY(const TimeRange range, RangeParameters(call.request));
  OPS_TRY(std::vector<std::vector<Matcher>> matches, MatchParameters(call.request));
  if (matches.empty()) matches.emplace_back();  // Everything.
  std::set<std::string> strings;
  for (const std::vector<Matcher>& matchers : matches) {
    auto found = context.sources.series.SelectStrings(name, matchers, range.start_ms, range.end_ms,
                                                      call.limits);
    if (!found) return SelectFailure(found.error(), call);
    strings.merge(*found);
    OPS_RETURN_IF_ERROR(CheckSeries(strings.size(), call.limits));
  }
  PromNotes notes;
  JsonWriter json;
  OpenSuccess(json);
  json.Open('[');
  std::size_t count = 0;
  for (const std::string& text : strings) {
    if (limit > 0 && count == limit) {
      notes.warnings.emplace_back(kTruncated);
      break;
    }
    json.String(text);
    ++count;
  }
  json.Close(']');
  return CloseSuccess(std::move(json), notes);
}

}  // namespace

PromResult AnswerLabels(const PromContext& context, const PromCall& call) {
  return AnswerStrings(context, call, {});
}

PromResult AnswerLabelValues(const PromContext& context, const PromCall& call) {
  const std::string name = UnescapeLabelName(call.name);
  if (name.empty() || !IsUtf8(name)) return BadData("invalid label name: " + QuoteGo(name));
  return AnswerStrings(context, call, name);
}

PromResult AnswerSeries(const PromContext& context, const PromCall& call) {
  if (!call.request.HasParam("match[]")) return BadData("no match[] parameter provided");
  OPS_TRY(const std::size_t limit, LimitParameter(call.request));
  OPS_TRY(const TimeRange range, RangeParameters(call.request));
  auto matches = MatchParameters(call.request);
  if (!matches) return BadParameter("match[]", matches.error().message);
  std::set<Labels> sets;
  for (const std::vector<Matcher>& matchers : *matches) {
    auto found =
        context.sources.series.SelectLabels(matchers, range.start_ms, range.end_ms, call.limits);
    if (!found) return SelectFailure(found.error(), call);
    for (Labels& labels : *found) sets.insert(std::move(labels));
    OPS_RETURN_IF_ERROR(CheckSeries(sets.size(), call.limits));
  }
  PromNotes notes;
  if (limit > 0 && sets.size() > limit) {
    sets.erase(std::next(sets.begin(), static_cast<std::ptrdiff_t>(limit)), sets.end());
    notes.warnings.emplace_back(kTruncated);
  }
  JsonWriter json;
  OpenSuccess(json);
  json.Open('[');
  for (const Labels& labels : sets) WriteLabels(json, labels);
  json.Close(']');
  return CloseSuccess(std::move(json), notes);
}

}  // namespace opssight
