// admin/tsdb/delete_series, clean_tombstones, snapshot.
#include "aggregator/api/answer.h"
#include "aggregator/api/prom_endpoints.h"
#include "common/text/quote.h"

namespace opssight {
namespace {

// The store to act on, or why there is none.
tl::expected<MetricsAdmin*, PromFailure> Admin(const PromContext& context) {
  if (!context.options.admin_api) {
    return tl::unexpected(PromFailure{.type = "unavailable", .message = "admin APIs disabled"});
  }
  if (context.sources.admin == nullptr) {
    return tl::unexpected(
        PromFailure{.type = "unavailable", .message = "the store has no admin operations"});
  }
  return context.sources.admin;
}

PromFailure Failed(const Error& error) {
  return {.type = "internal", .message = error.message};
}

}  // namespace

PromResult AnswerDeleteSeries(const PromContext& context, const PromCall& call) {
  const auto admin = Admin(context);
  if (!admin) return admin.error();
  if (!call.request.HasParam("match[]")) return BadData("no match[] parameter provided");
  OPS_TRY(const TimeRange range, RangeParameters(call.request));
  std::vector<std::vector<Matcher>> selectors;
  for (const auto& [name, text] : call.request.params) {
    if (name != "match[]") continue;
    auto matchers = promql::ParseMetricSelector(text);
    if (!matchers) return BadParameter("match[]", matchers.error().message);
    selectors.push_back(*std::move(matchers));
  }
  const Status status = (*admin)->DeleteSeries(selectors, range.start_ms, range.end_ms);
  if (!status) return Failed(status.error());
  return HttpResponse{.status = 204};
}

PromResult AnswerCleanTombstones(const PromContext& context, const PromCall&) {
  const auto admin = Admin(context);
  if (!admin) return admin.error();
  const Status status = (*admin)->CleanTombstones();
  if (!status) return Failed(status.error());
  return HttpResponse{.status = 204};
}

PromResult AnswerSnapshot(const PromContext& context, const PromCall& call) {
  const auto admin = Admin(context);
  if (!admin) return admin.error();
  const std::string skip = AsciiLower(call.request.Param("skip_head"));
  const bool yes = skip == "1" || skip == "t" || skip == "true";
  if (!yes && !skip.empty() && skip != "0" && skip != "f" && skip != "false") {
    return BadParameter("skip_head", "unable to parse boolean: strconv.ParseBool: parsing " +
                                         QuoteGo(call.request.Param("skip_head")) +
                                         ": invalid syntax");
  }
  const auto name = (*admin)->Snapshot(yes);
  if (!name) return Failed(name.error());
  JsonWriter json;
  OpenSuccess(json);
  json.Open('{').Key("name").String(*name).Close('}');
  return CloseSuccess(std::move(json));
}

}  // namespace opssight
