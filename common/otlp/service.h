// OtlpService answers OTLP requests: routes, decodes, hands the records to a
// consumer and says success only once they are on disk. The agent and the
// aggregator run the same one over consumers of their own.
//
//   OtlpService service(options, consumer, Clock::System());
//   service.Handle(request, [responder](HttpResponse r) { responder->Send(std::move(r)); });
//
// Bodies come with their Content-Encoding undone; the messages inside gRPC bodies
// are decoded here. Runs where it is called, on one thread, and so do the consumer
// and its callbacks; decoding takes 1.5 us a span (JSON: 6), so 64 MiB some 0.4 s. Answers
// that wait for the disk outlive the service.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/codec/otlp/metrics.h"
#include "common/codec/otlp/otlp.h"
#include "common/http/message.h"
#include "common/model/record.h"
#include "common/otlp/kept_requests.h"
#include "common/otlp/stats.h"

namespace opssight {

class OtlpConsumer {
 public:
  virtual ~OtlpConsumer() = default;
  virtual void AcceptMetrics(MetricRow row) = 0;
  virtual void AcceptHistograms(std::vector<HistogramRow> rows) = 0;
  virtual void AcceptExemplars(std::vector<Exemplar> exemplars) = 0;
  virtual void AcceptMetadata(std::vector<MetricMetadata> metadata) = 0;
  virtual void AcceptLogs(LogRows rows) = 0;
  virtual void AcceptSpans(std::vector<Span> spans) = 0;
  // Calls done, later or at once, when all that was accepted before is on disk.
  virtual void Commit(std::function<void(Status)> done) = 0;
  // True: requests are refused with a retryable error before they are decoded.
  virtual bool Congested() const = 0;
  // Whether what was accepted will be stored, if it can be, though Commit's done said no.
  // A request with log records that comes again is then not accepted again: they would be
  // there twice (of spans and samples that come twice one is shown).
  virtual bool KeepsRefused() const { return false; }
};

struct OtlpOptions {
  OtlpMetricsOptions metrics;               // Its limits hold for all signals.
  std::vector<Label> stream_labels;         // On every log stream that has none of that name.
  std::size_t body_bytes_max = 64UL << 20;  // Decoded.
  std::size_t pending_max = 1024;           // Requests waiting for the disk; above: unavailable.
  std::int64_t retry_after_s = 2;           // Said with "unavailable".
  std::vector<std::string> cors_origins;    // Browsers that may send: "https://*.example.com".
};

class OtlpService {
 public:
  using Respond = std::function<void(HttpResponse)>;

  OtlpService(OtlpOptions options, OtlpConsumer& consumer, Clock& clock);

  // Calls respond once, now or when the disk has the records.
  void Handle(const HttpRequest& request, Respond respond);

  const OtlpStats& stats() const { return *stats_; }

 private:
  void Call(const OtlpCall& call, const HttpRequest& request, Respond respond);
  Result<std::string_view> Body(const OtlpCall& call, const HttpRequest& request,
                                std::string& storage, OtlpReply& refusal) const;
  // Answers once what was accepted is on disk. kept: the request's hash, where it is to be
  // known again if it is not.
  void Commit(std::function<void(const OtlpReply&, bool partial)> answer,
              KeptRequests::Answer stored, std::optional<std::uint64_t> kept);
  Result<OtlpOutcome> Accept(const OtlpCall& call, std::string_view body);

  const OtlpOptions options_;
  OtlpConsumer& consumer_;
  Clock& clock_;
  const std::shared_ptr<OtlpMetricsDecoder> metrics_;  // Also of the answers that wait.
  const std::shared_ptr<OtlpStats> stats_;             // As well.
  const std::shared_ptr<std::size_t> pending_ = std::make_shared<std::size_t>(0);
  const std::shared_ptr<KeptRequests> kept_ = std::make_shared<KeptRequests>();
};

}  // namespace opssight
