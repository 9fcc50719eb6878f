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
  const auto selectors = MatchParameters(call.request);
  if (!selectors) return BadParameter("match[]", selectors.error().message);
  const Status status = (*admin)->DeleteSeries(*selectors, range.start_ms, range.end_ms);
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
  const std::optional<bool> skip = BoolParameter(call.request, "skip_head");
  if (!skip) {
    return BadParameter("skip_head", "unable to parse boolean: strconv.ParseBool: parsing " +
                                         QuoteGo(call.request.Param("skip_head")) +
                                         ": invalid syntax");
  }
  const auto name = (*admin)->Snapshot(*skip);
  if (!name) return Failed(name.error());
  JsonWriter json;
  OpenSuccess(json);
  json.Open('{').Key("name").String(*name).Close('}');
  return CloseSuccess(std::move(json));
}

}  // namespace opssight
