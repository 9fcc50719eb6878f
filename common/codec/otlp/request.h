// Walks an export request, protobuf or JSON, and hands its resources, scopes and
// items (spans, log records, data points) to a visitor, one at a time. The visitor
// lends the message that the walker fills; so only one item at a time is decoded.
// Internal to this folder.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/codec/otlp/otlp.h"

namespace google::protobuf {
class Message;
}

namespace opssight::otlp {

enum class Part : std::uint8_t {
  kResource,
  kScope,
  kSpan,
  kLogRecord,
  kNumber,
  kHistogram,
  kExponential,
  kSummary,
};
inline constexpr std::size_t kParts = 8;

struct MetricHead {
  enum class Kind : std::uint8_t { kNone, kGauge, kSum, kHistogram, kExponential, kSummary };
  std::string name;
  std::string description;
  std::string unit;
  Kind kind = Kind::kNone;
  std::int64_t temporality = 0;  // 1 delta, 2 cumulative.
  bool monotonic = false;
};

// Of the data points of a metric of this kind.
Part PointPart(MetricHead::Kind kind);

class Visitor {
 public:
  virtual ~Visitor() = default;
  virtual void OnResource(const google::protobuf::Message& resource) = 0;
  virtual void OnScope(const google::protobuf::Message& scope) = 0;
  virtual void OnMetric(const MetricHead& /*head*/) {}
  virtual void OnItem(Part part, const google::protobuf::Message& item) = 0;
};

// What the walkers share: the blank messages (out of one arena that is used again
// and again), the limits on items, and the way to the visitor.
class Feed {
 public:
  Feed(const OtlpLimits& limits, OtlpOutcome& outcome, Visitor& visitor);
  ~Feed();
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  google::protobuf::Message& Blank(Part part);
  // One more resource, scope or metric; kExhausted above items_max of them.
  Status AdmitEntry();
  // Whether one more item is to be decoded; else it is rejected here.
  bool Admit(std::size_t bytes);
  void Broken(const Error& why);
  Visitor& visitor() { return visitor_; }
  const OtlpLimits& limits() const { return limits_; }

 private:
  struct Arena;
  const OtlpLimits& limits_;
  OtlpOutcome& outcome_;
  Visitor& visitor_;
  std::size_t items_ = 0;
  std::size_t entries_ = 0;
  const std::unique_ptr<Arena> arena_;
};

// Every resource entry has OnResource and every scope entry OnScope before its
// items, with an empty message where the request has none.
Status WalkProtobuf(Signal signal, std::string_view bytes, Feed& feed);
Status WalkJson(Signal signal, std::string_view bytes, Feed& feed);

Status WalkRequest(Signal signal, std::string_view bytes, OtlpEncoding encoding,
                   const OtlpLimits& limits, OtlpOutcome& outcome, Visitor& visitor);

}  // namespace opssight::otlp
