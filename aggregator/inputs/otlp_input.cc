#include "aggregator/inputs/otlp_input.h"

#include <algorithm>
#include <iterator>
#include <unordered_set>
#include <utility>

#include "aggregator/inputs/own_batch.h"
#include "common/otlp/reply.h"

namespace opssight {
namespace {

// One request is one batch, so it must not decode to more than a batch may hold.
OtlpOptions Fitted(OtlpOptions options, const BatchLimits& limits) {
  std::size_t& most = options.metrics.limits.decoded_bytes_max;
  most = std::min(most, limits.bytes_max / 2);
  return options;
}

template <class T>
void Append(std::vector<T> from, std::vector<T>& to) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

OtlpInput::OtlpInput(OtlpOptions options, BatchAcceptor& store, Clock& clock,
                     const BatchLimits& batch_limits)
    : consumer_(loop_, store, clock, batch_limits),
      service_(Fitted(std::move(options), batch_limits), consumer_, clock),
      stats_(&service_.stats()) {}

bool OtlpInput::Takes(const HttpRequest& request) {
  return OtlpSignalOf(request.path).has_value();
}

void OtlpInput::Handle(HttpRequest request, std::shared_ptr<Responder> responder) {
  const auto shared = std::make_shared<const HttpRequest>(std::move(request));
  const bool posted = loop_.Post([this, shared, responder] {
    loop_.AssertHere();
    service_.Handle(*shared,
                    [responder](HttpResponse response) { responder->Send(std::move(response)); });
  });
  if (!posted) responder->Send(TextResponse(503, "the aggregator is stopping"));
}

void OtlpInput::End() {
  if (std::exchange(ended_, true)) return;
  loop_.Stop();
}

void OtlpInput::Consumer::AcceptHistograms(std::vector<HistogramRow> rows) {
  Append(std::move(rows), open_.histograms);
}

void OtlpInput::Consumer::AcceptExemplars(std::vector<Exemplar> exemplars) {
  Append(std::move(exemplars), open_.exemplars);
}

void OtlpInput::Consumer::AcceptMetadata(std::vector<MetricMetadata> metadata) {
  Append(std::move(metadata), open_.metadata);
}

void OtlpInput::Consumer::AcceptSpans(std::vector<Span> spans) {
  Append(std::move(spans), open_.spans);
}

std::vector<std::shared_ptr<const LayoutFrame>> OtlpInput::Consumer::Bring(
    const std::vector<MetricRow>& rows, std::uint32_t today) {
  std::vector<std::shared_ptr<const LayoutFrame>> frames;
  std::unordered_set<LayoutId> seen;
  for (const MetricRow& row : rows) {
    if (!seen.insert(row.layout->id()).second) continue;
    const std::uint32_t* day = stored_.Find(row.layout->id());
    if (day != nullptr && *day == today) continue;
    frames.push_back(std::make_shared<const LayoutFrame>(FrameOf(*row.layout)));
  }
  return frames;
}

void OtlpInput::Consumer::Commit(std::function<void(Status)> done) {
  const BatchContents contents = std::exchange(open_, {});
  const std::int64_t now_ms = clock_.WallMs();
  const std::uint32_t today = DayOfWallMs(now_ms);
  std::vector<std::shared_ptr<const LayoutFrame>> frames = Bring(contents.metrics, today);
  std::vector<LayoutId> layouts;
  for (const auto& frame : frames) layouts.push_back(frame->id);
  auto batch = MakeOwnBatch(contents, std::move(frames), now_ms, limits_);
  if (!batch) return done(std::move(batch).error());
  store_.Submit(*std::move(batch), [this, layouts = std::move(layouts), today,
                                    done = std::move(done)](SubmitResult result) {
    // Not posted: the loop has ended, and with it whoever could be answered.
    (void)loop_.Post([this, layouts, today, done, result = std::move(result)] {
      Answered(result, layouts, today, done);
    });
  });
}

void OtlpInput::Consumer::Answered(const SubmitResult& result, const std::vector<LayoutId>& layouts,
                                   std::uint32_t today, const std::function<void(Status)>& done) {
  if (result.kind != SubmitResult::Kind::kError) {
    for (const LayoutId& layout : layouts) stored_.Insert(layout, today);
    return done({});
  }
  // The store may not know a layout that it was believed to have; the repeat brings all.
  if (result.error.code == ErrorCode::kInvalid) stored_.Clear();
  done(result.error);
}

}  // namespace opssight
