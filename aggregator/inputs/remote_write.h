// RemoteWrite answers POST /api/v1/write, Prometheus remote write 1.0 and 2.0: a request is
// one batch of the store, and is answered once that is committed.
//
//   RemoteWrite write(options, store, clock);
//   if (request.path == RemoteWrite::kPath) write.Handle(std::move(request), responder);
//
// | what                                              | answer                               |
// | stored                                            | 204; 2.0: counts in X-Prometheus-…   |
// | series with bad or double label names             | the rest stored; 1.0: 204, 2.0: 400  |
// | a series above a limit of labels, a bad histogram | the rest stored, 400                 |
// | a sample too far ahead, or older than retention   | 400; 1.0: all refused; 2.0: the rest |
// |                                                   | stored                               |
// | not snappy, not protobuf                          | 400                                  |
// | more than a limit of the whole request            | 413                                  |
// | another content type, message or encoding         | 415                                  |
// | the store or this is behind                       | 503 + Retry-After                    |
//
// Senders repeat only 5xx. Out-of-order samples are stored; of two values at one time the
// last counts. A repeat after a lost answer is stored twice and reads as once.
//
// Any thread; the work is done on threads of its own. Cost: 0.3 us of CPU a sample, about.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "aggregator/inputs/write_intake.h"
#include "aggregator/store/acceptor.h"
#include "common/base/clock.h"
#include "common/base/work_pool.h"
#include "common/codec/batch/batch.h"
#include "common/http/message.h"
#include "common/http/responder.h"
#include "common/selfmon/registry.h"

namespace opssight {

struct RemoteWriteOptions {
  WriteIntakeOptions intake;
  std::size_t threads = 2;
  std::size_t waiting_max = 256;  // Requests that wait for a thread; more are answered with 503.
  std::int64_t retry_after_s = 1;
  BatchLimits batch_limits;  // As the store's.
};

struct RemoteWriteStats {
  enum Result : std::uint8_t {
    kOk,
    kPartial,  // 400, and something was stored.
    kInvalid,
    kTooLarge,
    kUnsupported,
    kUnavailable,
    kInternal
  };
  static constexpr std::size_t kResults = 7;
  std::array<Counter, kResults> requests;
  Counter bytes;          // Of bodies, compressed.
  Counter decoded_bytes;  // The same, decompressed.
  Counter samples;        // Stored, as the next three.
  Counter histograms;
  Counter exemplars;
  Counter metadata;
};

class RemoteWrite {
 public:
  static constexpr std::string_view kPath = "/api/v1/write";

  RemoteWrite(const RemoteWriteOptions& options, BatchAcceptor& store, const Clock& clock);
  ~RemoteWrite() { Stop(); }

  void Handle(HttpRequest request, std::shared_ptr<Responder> responder);
  // Hands what it has taken on to the store; call it before the store stops.
  void Stop() { pool_.Stop(); }

  // opssight_remote_write_*. This outlives the registry's last use.
  void AddMetrics(Registry& registry) const;
  const RemoteWriteStats& stats() const { return shared_->stats; }
  const WriteIntakeStats& intake_stats() const { return shared_->intake.stats(); }

 private:
  struct Call {
    HttpRequest request;
    std::shared_ptr<Responder> responder;
    WriteVersion version = WriteVersion::kV1;
  };
  // What answers need that come after this is gone.
  struct Shared {
    explicit Shared(const RemoteWriteOptions& options_in)
        : options(options_in), intake(options_in.intake) {}
    const RemoteWriteOptions options;
    WriteIntake intake;
    RemoteWriteStats stats;
  };
  void Run(const Call& call);
  void Store(const Call& call, WriteIntake::Taken taken, std::int64_t now_ms);
  static void Answer(Shared& shared, const Call& call, const WriteIntake::Taken& taken);
  static void Refuse(Shared& shared, const Call& call, const Error& error);

  const std::shared_ptr<Shared> shared_;
  BatchAcceptor& store_;
  const Clock& clock_;
  WorkPool pool_;
};

}  // namespace opssight
