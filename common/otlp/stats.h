// What an OTLP receiver counts. Read on any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/codec/otlp/outcome.h"
#include "common/otlp/reply.h"
#include "common/selfmon/metrics.h"

namespace opssight {

class Registry;

inline constexpr std::size_t kOtlpSignals = 3;  // As Signal numbers them.

struct OtlpStats {
  enum Result : std::uint8_t { kOk, kPartial, kInvalid, kTooLarge, kUnavailable, kOther };
  static constexpr std::size_t kResults = 6;

  // [signal][transport][result]
  std::array<std::array<std::array<Counter, kResults>, kOtlpTransports>, kOtlpSignals> requests;
  std::array<Counter, kOtlpSignals> bytes;     // Of bodies, decoded.
  std::array<Counter, kOtlpSignals> accepted;  // Spans, log records, data points.
  std::array<std::array<Counter, kOtlpRejects>, kOtlpSignals> rejected;
  std::array<Counter, kOtlpSignals> attributes_dropped;
  std::array<Counter, kOtlpSignals> values_cut;
  Counter exemplars_dropped;
  Counter duplicate_samples;
  Counter unrouted;  // 404, 405, 415.
  Counter preflights;
  Counter repeats;  // Requests of which the records were held already.
  Gauge pending;    // Requests whose records wait for the disk.
  Gauge delta_series;

  void Count(const OtlpCall& call, Result result) {
    requests[static_cast<std::size_t>(call.signal)][static_cast<std::size_t>(call.transport)]
            [result]
                .Add();
  }
  void Count(Signal signal, const OtlpOutcome& outcome);
  // opssight_otlp_*. This must outlive the registry's last use.
  void AddTo(Registry& registry) const;
};

}  // namespace opssight
