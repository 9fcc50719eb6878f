// OtlpReceiver is the agent's OTLP source: it answers requests of the HTTP server
// and feeds the sink. Success is said once the spool has the records; while the
// spool is full, requests are refused with a retryable error before they are read.
//
//   OtlpReceiver otlp(loop, options, sink, Clock::System());
//   HttpServer::Open(…, [&](HttpRequest request, std::shared_ptr<Responder> responder) {
//     otlp.Handle(request, [responder](HttpResponse r) { responder->Send(std::move(r)); });
//   });
//
// Everything runs on the loop; decoding, too. sink and clock must outlive it, and
// what the sink still answers afterwards is safe.
#pragma once

#include "agent/sink/sink.h"
#include "common/base/clock.h"
#include "common/net/loop.h"
#include "common/otlp/service.h"

namespace opssight {

class OtlpReceiver {
 public:
  OtlpReceiver(Loop& loop, OtlpOptions options, Sink& sink, Clock& clock);

  // On the loop. Calls respond once, there, now or when the disk has the records.
  void Handle(const HttpRequest& request, OtlpService::Respond respond);

  // Any thread.
  const OtlpStats& stats() const { return stats_; }

 private:
  class SinkConsumer final : public OtlpConsumer {
   public:
    explicit SinkConsumer(Sink& sink) : sink_(sink) {}
    void AcceptMetrics(MetricRow row) override { sink_.AcceptMetrics(std::move(row)); }
    void AcceptHistograms(std::vector<HistogramRow> rows) override {
      sink_.AcceptHistograms(std::move(rows));
    }
    void AcceptExemplars(std::vector<Exemplar> exemplars) override {
      sink_.AcceptExemplars(std::move(exemplars));
    }
    void AcceptMetadata(std::vector<MetricMetadata> metadata) override {
      sink_.AcceptMetadata(std::move(metadata));
    }
    void AcceptLogs(LogRows rows) override { sink_.AcceptLogs(std::move(rows), {}); }
    void AcceptSpans(std::vector<Span> spans) override { sink_.AcceptSpans(std::move(spans)); }
    void Commit(std::function<void(Status)> done) override { sink_.Commit(std::move(done)); }
    bool Congested() const override { return sink_.Congested(); }
    // Until the disk takes it, or a gap record says that it went.
    bool KeepsRefused() const override { return true; }

   private:
    Sink& sink_;
  };

  Loop& loop_;
  SinkConsumer consumer_;
  OtlpService service_ OPS_GUARDED_BY(loop_);
  const OtlpStats& stats_;
};

}  // namespace opssight
