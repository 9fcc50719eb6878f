// OtlpInput answers OTLP on the aggregator's own HTTP port (metrics, logs and traces;
// protobuf, JSON, gRPC): for applications that have no agent beside them. A request is one
// batch of the store and is answered once that is committed.
//
//   OtlpInput otlp(options, store, clock, batch_limits);
//   if (OtlpInput::Takes(request)) otlp.Handle(std::move(request), responder);
//
// Any thread; decoding is done on a loop of its own (OtlpService is for one thread): delta
// sums live there. End() after the store has stopped, whose last answers come to that loop.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "aggregator/inputs/recent_map.h"
#include "aggregator/store/acceptor.h"
#include "common/base/clock.h"
#include "common/codec/batch/batch.h"
#include "common/http/message.h"
#include "common/http/responder.h"
#include "common/net/loop.h"
#include "common/otlp/service.h"
#include "common/selfmon/registry.h"

namespace opssight {

class OtlpInput {
 public:
  OtlpInput(OtlpOptions options, BatchAcceptor& store, Clock& clock,
            const BatchLimits& batch_limits);
  ~OtlpInput() { End(); }

  static bool Takes(const HttpRequest& request);
  void Handle(HttpRequest request, std::shared_ptr<Responder> responder);
  void End();

  // opssight_otlp_*. This outlives the registry's last use.
  void AddMetrics(Registry& registry) const { stats_->AddTo(registry); }
  const OtlpStats& stats() const { return *stats_; }

 private:
  // Gathers what one request brings; its Commit makes the batch.
  class Consumer final : public OtlpConsumer {
   public:
    Consumer(Loop& loop, BatchAcceptor& store, const Clock& clock, const BatchLimits& limits)
        : loop_(loop), store_(store), clock_(clock), limits_(limits) {}
    void AcceptMetrics(MetricRow row) override { open_.metrics.push_back(std::move(row)); }
    void AcceptHistograms(std::vector<HistogramRow> rows) override;
    void AcceptExemplars(std::vector<Exemplar> exemplars) override;
    void AcceptMetadata(std::vector<MetricMetadata> metadata) override;
    void AcceptLogs(LogRows rows) override { open_.logs.push_back(std::move(rows)); }
    void AcceptSpans(std::vector<Span> spans) override;
    void Commit(std::function<void(Status)> done) override;
    bool Congested() const override { return false; }  // The store says so itself.

   private:
    // Layouts of rows that the store may not have.
    std::vector<std::shared_ptr<const LayoutFrame>> Bring(const std::vector<MetricRow>& rows,
                                                          std::uint32_t today);
    void Answered(const SubmitResult& result, const std::vector<LayoutId>& layouts,
                  std::uint32_t today, const std::function<void(Status)>& done);

    static constexpr std::size_t kLayoutsMax = 100'000;
    Loop& loop_;
    BatchAcceptor& store_;
    const Clock& clock_;
    const BatchLimits limits_;
    BatchContents open_;
    RecentMap<std::uint32_t> stored_{kLayoutsMax};  // The day a layout was last stored.
  };

  Loop loop_{"otlp"};
  Consumer consumer_;
  OtlpService service_ OPS_GUARDED_BY(loop_);
  const OtlpStats* const stats_;
  bool ended_ = false;
};

}  // namespace opssight
