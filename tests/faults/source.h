// A numbered source of records. What record n says and when follows from the source and
// n alone, so that the reader knows what must come back.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/clock.h"

namespace opssight::faults {

enum class SourceKind : std::uint8_t {
  kCri,
  kDocker,
  kFile,  // A plain file, emptied in place after it was copied; lines without a time.
  kSpans,
  kMetrics,
};

struct Source {
  SourceKind kind = SourceKind::kCri;
  std::string name;            // [a-z0-9]+: pod, container, file, service or metric.
  std::int64_t base_ns = 0;    // A whole millisecond.
  std::size_t pad_bytes = 32;  // Of text that hardly compresses, in each line and span.

  bool log() const { return kind <= SourceKind::kFile; }
  bool timed() const { return kind != SourceKind::kFile; }
  // Metrics have a time in ms, Jaeger's answers one in µs, lines one in ns.
  std::int64_t step_ns() const {
    return kind == SourceKind::kMetrics ? kNsPerMs : kind == SourceKind::kSpans ? kNsPerUs : 977;
  }
  std::int64_t TimeNs(std::uint64_t n) const {
    return base_ns + static_cast<std::int64_t>(n) * step_ns();
  }
  std::string Pad(std::uint64_t n) const;
  std::string Line(std::uint64_t n) const;        // "n=17 source pad"
  std::string TraceId(std::uint64_t part) const;  // 32 hex digits; spans go by parts.
};

constexpr std::uint64_t kSpansOfTrace = 20;

}  // namespace opssight::faults
