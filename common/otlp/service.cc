#include "common/otlp/service.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "common/base/log.h"
#include "common/bytes/hash.h"
#include "common/codec/otlp/answer.h"
#include "common/model/labels.h"
#include "common/model/record_bytes.h"

namespace opssight {
namespace {

OtlpStats::Result ResultOf(const OtlpReply& reply) {
  switch (reply.status) {
    case GrpcStatus::kOk:
      return OtlpStats::kOk;
    case GrpcStatus::kInvalidArgument:
      return OtlpStats::kInvalid;
    case GrpcStatus::kResourceExhausted:
      return OtlpStats::kTooLarge;
    case GrpcStatus::kUnavailable:
      return OtlpStats::kUnavailable;
    default:
      return OtlpStats::kOther;
  }
}

// An error of a gRPC body has a status of its own, apart from what Accept says.
OtlpReply GrpcRefusal(const Error& error) {
  return {.status = GrpcStatusOf(error), .message = error.message};
}

}  // namespace

OtlpService::OtlpService(OtlpOptions options, OtlpConsumer& consumer, Clock& clock)
    : options_(std::move(options)),
      consumer_(consumer),
      clock_(clock),
      metrics_(std::make_shared<OtlpMetricsDecoder>(options_.metrics)),
      stats_(std::make_shared<OtlpStats>()) {}

void OtlpService::Handle(const HttpRequest& request, Respond respond) {
  if (!options_.cors_origins.empty() && !request.Header("origin").empty()) {
    // What the answer needs of the request, and no copy of its body.
    HttpResponse cors;
    AddCorsHeaders(request, options_.cors_origins, cors);
    if (IsPreflight(request) && OtlpSignalOf(request.path)) {
      stats_->preflights.Add();
      cors.status = 204;
      return respond(std::move(cors));
    }
    respond = [headers = std::move(cors.headers),
               inner = std::move(respond)](HttpResponse response) {
      response.headers.insert(response.headers.end(), headers.begin(), headers.end());
      inner(std::move(response));
    };
  }
  HttpResponse refusal;
  const auto call = OtlpCallOf(request, refusal);
  if (!call) {
    stats_->unrouted.Add();
    OPS_LOG_EVERY(60, kWarn, "otlp: {} {} ({}) from {}: refused with {}", request.method,
                  Quoted(request.path.substr(0, 128)), request.Header("content-type").substr(0, 64),
                  request.peer, refusal.status);
    return respond(std::move(refusal));
  }
  Call(*call, request, std::move(respond));
}

// The protobuf or JSON of a request; for gRPC, out of its frame.
Result<std::string_view> OtlpService::Body(const OtlpCall& call, const HttpRequest& request,
                                           std::string& storage, OtlpReply& refusal) const {
  if (call.transport != OtlpTransport::kGrpc) {
    if (request.body.size() <= options_.body_bytes_max) return std::string_view(request.body);
    Error error = Exhausted(fmt::format("the body has {} bytes, at most {} are taken",
                                        request.body.size(), options_.body_bytes_max));
    refusal = OtlpReplyOf(error, 0);
    return error;
  }
  auto message =
      ReadGrpcMessage(request.body, request.Header("grpc-encoding"), options_.body_bytes_max);
  if (!message) {
    refusal = GrpcRefusal(message.error());
    return std::move(message).error();
  }
  storage = *std::move(message);
  return std::string_view(storage);
}

void OtlpService::Call(const OtlpCall& call, const HttpRequest& request, Respond respond) {
  const auto answer = [stats = stats_, call, respond = std::move(respond)](const OtlpReply& reply,
                                                                           bool partial) {
    stats->Count(call, partial ? OtlpStats::kPartial : ResultOf(reply));
    HttpResponse response = ToHttpResponse(call, reply);
    if (call.transport == OtlpTransport::kGrpc && reply.status == GrpcStatus::kUnimplemented) {
      response.headers.emplace_back("grpc-accept-encoding", "identity,gzip,deflate,zstd");
    }
    respond(std::move(response));
  };
  if (consumer_.Congested() || *pending_ >= options_.pending_max) {
    return answer(OtlpReplyOf(Unavailable("the buffer on disk is full or behind; send again later"),
                              options_.retry_after_s),
                  false);
  }
  std::string storage;
  OtlpReply refusal;
  const auto body = Body(call, request, storage, refusal);
  if (!body) return answer(refusal, false);
  stats_->bytes[static_cast<std::size_t>(call.signal)].Add(body->size());
  std::optional<std::uint64_t> hash;
  if (call.signal == Signal::kLogs && consumer_.KeepsRefused()) {
    hash = Hash64(*body);
    if (const auto* kept = kept_->Find(*hash, clock_.SteadyMs()); kept != nullptr) {
      stats_->repeats.Add();
      return Commit(answer, *kept, hash);
    }
  }
  const auto outcome = Accept(call, *body);
  if (!outcome) return answer(OtlpReplyOf(outcome.error(), options_.retry_after_s), false);
  stats_->Count(call.signal, *outcome);
  if (outcome->rejected() != 0) {
    OPS_LOG_EVERY(60, kWarn, "otlp: {} from {}: {}; the rest was kept", ToString(call.signal),
                  request.peer, Quoted(outcome->Message()));
  }
  OtlpReply reply;
  reply.body = EncodeOtlpAnswer(call.signal, call.encoding(), *outcome);
  const bool partial = outcome->rejected() != 0;
  if (outcome->accepted == 0) return answer(reply, partial);  // Nothing to wait for.
  Commit(answer, {.reply = std::move(reply), .partial = partial}, hash);
}

void OtlpService::Commit(std::function<void(const OtlpReply&, bool partial)> answer,
                         KeptRequests::Answer stored, std::optional<std::uint64_t> kept) {
  ++*pending_;
  stats_->pending.Set(static_cast<double>(*pending_));
  consumer_.Commit([answer = std::move(answer), stored = std::move(stored), kept,
                    pending = pending_, stats = stats_, metrics = metrics_, requests = kept_,
                    clock = &clock_, retry_after_s = options_.retry_after_s](const Status& status) {
    --*pending;
    stats->pending.Set(static_cast<double>(*pending));
    if (status.has_value()) {
      if (kept) requests->Stored(*kept);
      return answer(stored.reply, stored.partial);
    }
    if (kept) requests->Add(*kept, stored, clock->SteadyMs());
    metrics->NotStored();
    // Whatever kept it from the disk: the client has the data still.
    answer(OtlpReplyOf(Unavailable("not stored: " + status.error().message), retry_after_s), false);
  });
}

Result<OtlpOutcome> OtlpService::Accept(const OtlpCall& call, std::string_view body) {
  const OtlpLimits& limits = options_.metrics.limits;
  switch (call.signal) {
    case Signal::kSpans: {
      OPS_TRY(OtlpTraces traces, DecodeOtlpTraces(body, call.encoding(), limits, clock_.WallNs()));
      InPieces(std::move(traces.spans), limits.chunk_bytes_max,
               [this](auto piece) { consumer_.AcceptSpans(std::move(piece)); });
      return std::move(traces.outcome);
    }
    case Signal::kLogs: {
      OPS_TRY(OtlpLogs logs, DecodeOtlpLogs(body, call.encoding(), limits, options_.stream_labels,
                                            clock_.WallNs()));
      for (LogRows& rows : logs.rows) consumer_.AcceptLogs(std::move(rows));
      return std::move(logs.outcome);
    }
    case Signal::kMetrics:
      break;
  }
  OPS_TRY(OtlpMetrics metrics, metrics_->Decode(body, call.encoding(), clock_.WallMs()));
  stats_->delta_series.Set(static_cast<double>(metrics_->deltas().series()));
  for (MetricRow& row : metrics.rows) consumer_.AcceptMetrics(std::move(row));
  InPieces(std::move(metrics.histograms), limits.chunk_bytes_max,
           [this](auto piece) { consumer_.AcceptHistograms(std::move(piece)); });
  InPieces(std::move(metrics.exemplars), limits.chunk_bytes_max,
           [this](auto piece) { consumer_.AcceptExemplars(std::move(piece)); });
  InPieces(std::move(metrics.metadata), limits.chunk_bytes_max,
           [this](auto piece) { consumer_.AcceptMetadata(std::move(piece)); });
  return std::move(metrics.outcome);
}

}  // namespace opssight
