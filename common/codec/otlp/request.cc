#include "common/codec/otlp/request.h"

#include <array>

#include <fmt/format.h>
#include <google/protobuf/arena.h>

#include "schemas/otlp.pb.h"

namespace opssight::otlp {
namespace {

constexpr std::size_t kArenaBytesMax = 256UL << 10;  // Then it starts anew.

google::protobuf::ArenaOptions BigBlocks() {
  google::protobuf::ArenaOptions options;
  options.start_block_size = 16UL << 10;
  options.max_block_size = 64UL << 10;
  return options;
}

}  // namespace

struct Feed::Arena {
  google::protobuf::Arena arena{BigBlocks()};
  std::array<google::protobuf::Message*, kParts> blanks{};

  template <class T>
  google::protobuf::Message& Blank(Part part) {
    // What a oneof held before stays in the arena until it is reset.
    if (arena.SpaceUsed() > kArenaBytesMax) {
      arena.Reset();
      blanks = {};
    }
    auto*& blank = blanks[static_cast<std::size_t>(part)];
    if (blank == nullptr) {
      blank = google::protobuf::Arena::CreateMessage<T>(&arena);
    } else {
      blank->Clear();
    }
    return *blank;
  }
};

Feed::Feed(const OtlpLimits& limits, OtlpOutcome& outcome, Visitor& visitor)
    : limits_(limits), outcome_(outcome), visitor_(visitor), arena_(std::make_unique<Arena>()) {}

Feed::~Feed() = default;

google::protobuf::Message& Feed::Blank(Part part) {
  switch (part) {
    case Part::kResource:
      return arena_->Blank<wire::otlp::Resource>(part);
    case Part::kScope:
      return arena_->Blank<wire::otlp::InstrumentationScope>(part);
    case Part::kSpan:
      return arena_->Blank<wire::otlp::Span>(part);
    case Part::kLogRecord:
      return arena_->Blank<wire::otlp::LogRecord>(part);
    case Part::kNumber:
      return arena_->Blank<wire::otlp::NumberDataPoint>(part);
    case Part::kHistogram:
      return arena_->Blank<wire::otlp::HistogramDataPoint>(part);
    case Part::kExponential:
      return arena_->Blank<wire::otlp::ExponentialHistogramDataPoint>(part);
    case Part::kSummary:
      break;
  }
  return arena_->Blank<wire::otlp::SummaryDataPoint>(part);
}

Status Feed::AdmitEntry() {
  if (++entries_ <= limits_.items_max) return {};
  return Exhausted(
      fmt::format("more than {} resources, scopes and metrics in one request", limits_.items_max));
}

bool Feed::Admit(std::size_t bytes) {
  if (items_ >= limits_.items_max) {
    outcome_.Reject(OtlpReject::kTooMany, "the request has more than items_max items");
    return false;
  }
  ++items_;
  if (bytes > limits_.item_bytes_max) {
    outcome_.Reject(OtlpReject::kTooLarge, "an item is above item_bytes_max");
    return false;
  }
  return true;
}

void Feed::Broken(const Error& why) {
  outcome_.Reject(
      why.code == ErrorCode::kExhausted ? OtlpReject::kTooLarge : OtlpReject::kMalformed,
      why.message);
}

Part PointPart(MetricHead::Kind kind) {
  switch (kind) {
    case MetricHead::Kind::kHistogram:
      return Part::kHistogram;
    case MetricHead::Kind::kExponential:
      return Part::kExponential;
    case MetricHead::Kind::kSummary:
      return Part::kSummary;
    default:
      return Part::kNumber;
  }
}

Status WalkRequest(Signal signal, std::string_view bytes, OtlpEncoding encoding,
                   const OtlpLimits& limits, OtlpOutcome& outcome, Visitor& visitor) {
  Feed feed(limits, outcome, visitor);
  if (encoding == OtlpEncoding::kProtobuf) return WalkProtobuf(signal, bytes, feed);
  return WalkJson(signal, bytes, feed);
}

}  // namespace opssight::otlp
