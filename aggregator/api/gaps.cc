#include "aggregator/api/gaps.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "aggregator/api/answer.h"
#include "aggregator/api/prom_call.h"

namespace opssight {
namespace {

constexpr std::size_t kGapsDefault = 10'000;
constexpr std::size_t kGapsMax = 100'000;

// Gaps are told in nanoseconds, which reach from 1677 to 2262.
std::int64_t NsOf(std::int64_t time_ms) {
  constexpr std::int64_t kMsMax = INT64_MAX / kNsPerMs;
  return std::clamp(time_ms, -kMsMax, kMsMax) * kNsPerMs;
}

Result<HttpResponse> Answer(const HttpRequest& request, const GapSource& source,
                            const Clock& clock) {
  const std::int64_t now_ms = clock.WallMs();
  OPS_TRY(const std::int64_t start_ms, TimeParameter(request, "start", now_ms - kMsPerDay));
  OPS_TRY(const std::int64_t end_ms, TimeParameter(request, "end", now_ms));
  OPS_TRY(const std::size_t asked, LimitParameter(request));
  const std::size_t limit = asked == 0 ? kGapsDefault : std::min(asked, kGapsMax);
  OPS_TRY(const GapAnswer answer, source.Gaps(NsOf(start_ms), NsOf(end_ms), limit));
  JsonWriter json;
  json.Open('{').Key("status").String("success");
  if (answer.truncated) json.Key("truncated").Raw("true");
  json.Key("data").Open('[');
  for (const Gap& gap : answer.gaps) {
    json.Open('{').Key("signal").String(ToString(gap.signal)).Key("stream").String(gap.stream);
    json.Key("fromUnixNano").String(std::to_string(gap.from_ns));
    json.Key("toUnixNano").String(std::to_string(gap.to_ns));
    json.Key("count").Raw(std::to_string(gap.count)).Key("reason").String(gap.reason).Close('}');
  }
  return JsonResponse(200, json.Close(']').Close('}').Take());
}

}  // namespace

HttpResponse AnswerGaps(const HttpRequest& request, const GapSource& gaps, const Clock& clock) {
  auto response = Answer(request, gaps, clock);
  return response ? *std::move(response) : FailureResponse(ToFailure(response.error()));
}

}  // namespace opssight
