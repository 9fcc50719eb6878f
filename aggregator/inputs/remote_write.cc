#include "aggregator/inputs/remote_write.h"

#include <string>
#include <utility>

#include "aggregator/inputs/own_batch.h"
#include "common/base/log.h"
#include "common/bytes/snappy.h"
#include "common/model/labels.h"
#include "common/selfmon/adder.h"

namespace opssight {
namespace {

// Kept by a thread from request to request, unless a large one made it grow.
struct Scratch {
  std::string bytes;
  WriteRequest request;

  void Trim() {
    constexpr std::size_t kKeptBytes = 4UL << 20;
    request.Clear();
    if (bytes.capacity() > kKeptBytes) *this = Scratch();
  }
};

HttpResponse WithRetryAfter(HttpResponse response, std::int64_t seconds) {
  response.headers.emplace_back("retry-after", std::to_string(seconds));
  return response;
}

}  // namespace

RemoteWrite::RemoteWrite(const RemoteWriteOptions& options, BatchAcceptor& store,
                         const Clock& clock)
    : shared_(std::make_shared<Shared>(options)),
      store_(store),
      clock_(clock),
      pool_("write", options.threads, options.waiting_max) {}

void RemoteWrite::Handle(HttpRequest request, std::shared_ptr<Responder> responder) {
  HttpResponse refusal;
  const auto version = WriteVersionOf(request, refusal);
  if (!version) {
    shared_->stats.requests[RemoteWriteStats::kUnsupported].Add();
    return responder->Send(std::move(refusal));
  }
  shared_->stats.bytes.Add(request.body.size());
  const auto call = std::make_shared<const Call>(
      Call{.request = std::move(request), .responder = responder, .version = *version});
  if (pool_.TrySubmit([this, call] { Run(*call); })) return;
  Refuse(*shared_, *call, Unavailable("too many write requests wait; send again later"));
}

void RemoteWrite::Run(const Call& call) {
  thread_local Scratch scratch;
  const WriteLimits& limits = shared_->intake.limits();
  Status status = SnappyDecompress(call.request.body, limits.body_bytes_max, scratch.bytes);
  if (status) status = DecodeWrite(scratch.bytes, call.version, limits, scratch.request);
  if (status) {
    shared_->stats.decoded_bytes.Add(scratch.bytes.size());
    const std::int64_t now_ms = clock_.WallMs();
    Store(call, shared_->intake.Take(scratch.request, call.version, now_ms), now_ms);
  } else {
    Refuse(*shared_, call, status.error());
  }
  scratch.Trim();
}

void RemoteWrite::Store(const Call& call, WriteIntake::Taken taken, std::int64_t now_ms) {
  if (taken.refused || taken.contents.empty()) return Answer(*shared_, call, taken);
  auto batch =
      MakeOwnBatch(taken.contents, taken.plan.layouts, now_ms, shared_->options.batch_limits);
  if (!batch) return Refuse(*shared_, call, batch.error());
  const std::uint64_t metadata = taken.contents.metadata.size();
  taken.contents = {};
  taken.plan.layouts.clear();
  // What the answer needs; the body does not wait with it.
  Call answer{.request = {}, .responder = call.responder, .version = call.version};
  answer.request.peer = call.request.peer;
  store_.Submit(
      *std::move(batch), [shared = shared_, answer = std::move(answer), taken = std::move(taken),
                          metadata, now_ms](const SubmitResult& result) {
        if (result.kind == SubmitResult::Kind::kError) {
          shared->intake.NotStored(result.error.code == ErrorCode::kInvalid);
          // Our batch was in order; sent again it brings its layouts along.
          return Refuse(*shared, answer, Unavailable("not stored: " + result.error.message));
        }
        shared->intake.Stored(taken.plan, DayOfWallMs(now_ms));
        shared->stats.samples.Add(taken.written.samples);
        shared->stats.histograms.Add(taken.written.histograms);
        shared->stats.exemplars.Add(taken.written.exemplars);
        shared->stats.metadata.Add(metadata);
        Answer(*shared, answer, taken);
      });
}

void RemoteWrite::Answer(Shared& shared, const Call& call, const WriteIntake::Taken& taken) {
  if (!taken.bad) {
    shared.stats.requests[RemoteWriteStats::kOk].Add();
    return call.responder->Send(WriteAnswer(call.version, 204, {}, taken.written));
  }
  const bool some = taken.written.samples + taken.written.histograms + taken.written.exemplars != 0;
  shared.stats.requests[some ? RemoteWriteStats::kPartial : RemoteWriteStats::kInvalid].Add();
  OPS_LOG_EVERY(60, kWarn, "remote write: from {}: {}; answered with 400, {}", call.request.peer,
                Quoted(taken.errors), some ? "the rest was stored" : "nothing was stored");
  call.responder->Send(WriteAnswer(call.version, 400, taken.errors, taken.written));
}

void RemoteWrite::Refuse(Shared& shared, const Call& call, const Error& error) {
  RemoteWriteStats::Result result = RemoteWriteStats::kInvalid;
  int status = 400;
  switch (error.code) {
    case ErrorCode::kExhausted:
      result = RemoteWriteStats::kTooLarge;
      status = 413;
      break;
    case ErrorCode::kUnavailable:
    case ErrorCode::kIo:
      result = RemoteWriteStats::kUnavailable;
      status = 503;
      break;
    case ErrorCode::kInternal:
    case ErrorCode::kNotFound:
      result = RemoteWriteStats::kInternal;
      status = 500;
      break;
    case ErrorCode::kInvalid:
    case ErrorCode::kCorrupt:
      break;
  }
  shared.stats.requests[result].Add();
  OPS_LOG_EVERY(60, kWarn, "remote write: from {}: {}; answered with {}", call.request.peer,
                Quoted(error.message), status);
  HttpResponse response = WriteAnswer(call.version, status, error.message, {});
  call.responder->Send(status == 503
                           ? WithRetryAfter(std::move(response), shared.options.retry_after_s)
                           : std::move(response));
}

void RemoteWrite::AddMetrics(Registry& registry) const {
  const RemoteWriteStats& stats = shared_->stats;
  constexpr std::array<const char*, RemoteWriteStats::kResults> kResults = {
      "ok", "partial", "invalid", "too_large", "unsupported", "unavailable", "internal"};
  for (std::size_t i = 0; i < kResults.size(); ++i) {
    registry.Add("opssight_remote_write_requests_total", "Remote-write requests, by answer.",
                 stats.requests[i], {{"result", kResults[i]}});
  }
  const auto add = [&](const char* name, const char* help, const Counter& counter) {
    registry.Add(std::string("opssight_remote_write_") + name + "_total", help, counter);
  };
  add("bytes", "Bytes of request bodies, compressed.", stats.bytes);
  add("decoded_bytes", "The same, decompressed.", stats.decoded_bytes);
  add("samples", "Samples stored.", stats.samples);
  add("histograms", "Native histograms stored.", stats.histograms);
  add("exemplars", "Exemplars stored.", stats.exemplars);
  add("metadata", "Metadata of metric families stored.", stats.metadata);
  const WriteIntakeStats& intake = shared_->intake.stats();
  for (std::size_t i = 1; i < kLabelFaults; ++i) {
    registry.Add("opssight_remote_write_bad_series_total",
                 "Series left out of requests, by what is wrong with their labels.",
                 intake.bad_series[i],
                 {{"reason", std::string(ToString(static_cast<LabelFault>(i)))}});
  }
  add("bad_series_samples", "Samples and histograms of such series.", intake.bad_samples);
  add("too_new", "Samples too far ahead of our clock.", intake.too_new);
  add("too_old", "Samples older than what is kept.", intake.too_old);
  add("bad_histograms", "Native histograms that are none.", intake.bad_histograms);
  add("bad_exemplars", "Exemplars left out.", intake.bad_exemplars);
  const auto level = [&](const char* name, const char* help,
                         std::size_t (WriteIntake::*value)() const) {
    registry.AddCallback(
        std::string("opssight_remote_write_") + name, help, MetricType::kGauge,
        [intake = &shared_->intake, value] { return static_cast<double>((intake->*value)()); });
  };
  level("known_series", "Series remembered.", &WriteIntake::series);
  level("known_layouts", "Layouts remembered.", &WriteIntake::layouts);
}

}  // namespace opssight
