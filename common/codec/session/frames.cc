#include "common/codec/session/frames.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/core.h>

#include "common/base/check.h"
#include "common/bytes/endian.h"

namespace opssight::session {
namespace {

constexpr std::size_t kStringBytesMax = std::numeric_limits<std::uint16_t>::max();
constexpr std::size_t kKeptCapacity = 64UL << 10;  // Of an empty buffer.

void PutString16(std::string& out, std::string_view text) {
  text = text.substr(0, kStringBytesMax);
  PutLe(out, static_cast<std::uint16_t>(text.size()));
  out.append(text);
}

void PutBlob(std::string& out, std::string_view bytes) {
  PutLe(out, static_cast<std::uint32_t>(bytes.size()));
  out.append(bytes);
}

void PutFingerprint(std::string& out, const Fingerprint& fingerprint) {
  out.append(reinterpret_cast<const char*>(fingerprint.data()), fingerprint.size());
}

void Put(std::string& out, const Hello& hello) {
  PutLe(out, hello.version);
  PutLe(out, hello.epoch);
  PutLe(out, hello.next_seq);
  PutLe(out, hello.first_unacked);
  PutFingerprint(out, hello.fingerprint);
  PutString16(out, hello.host);
  PutString16(out, hello.agent_version);
  if (!hello.numbered_for.empty()) PutString16(out, hello.numbered_for);
}

void Put(std::string& out, const Welcome& welcome) {
  PutLe(out, welcome.version);
  PutLe(out, welcome.epoch);
  PutLe(out, welcome.window_batches);
  PutLe(out, welcome.window_bytes);
  const std::size_t count = std::min(welcome.runs.size(), kRunsMax);
  PutLe(out, static_cast<std::uint16_t>(count));
  for (std::size_t i = 0; i < count; ++i) {
    PutLe(out, welcome.runs[i].first);
    PutLe(out, welcome.runs[i].last);
    PutLe(out, welcome.runs[i].last_hash);
  }
  PutLe(out, welcome.unix_ms);
  PutLe(out, static_cast<std::uint8_t>(welcome.used_since ? 1 : 0));
}

void Put(std::string& out, const LayoutBytes& layout) {
  PutBlob(out, layout.frame);
}

void Put(std::string& out, const Batch& batch) {
  PutLe(out, batch.seq);
  PutLe(out, batch.hash);
  out.append(batch.frame);
}

void Put(std::string& out, const Ack& ack) {
  const std::size_t count = std::min(ack.ranges.size(), kRangesMax);
  PutLe(out, static_cast<std::uint16_t>(count));
  for (std::size_t i = 0; i < count; ++i) {
    PutLe(out, ack.ranges[i].first);
    PutLe(out, ack.ranges[i].last);
  }
}

void Put(std::string& out, const Nack& nack) {
  PutLe(out, nack.seq);
  PutLe(out, static_cast<std::uint8_t>(nack.code));
  PutString16(out, nack.message);
  PutLe(out, nack.hint);
}

void Put(std::string& out, const Ping& ping) {
  PutLe(out, ping.token);
}

void Put(std::string& out, const Pong& pong) {
  PutLe(out, pong.token);
}

void Put(std::string& out, const Bye& bye) {
  PutLe(out, static_cast<std::uint8_t>(bye.code));
  PutString16(out, bye.message);
}

void Put(std::string& out, const Enrol& enrol) {
  PutString16(out, enrol.token);
  PutBlob(out, enrol.csr_der);
  PutFingerprint(out, enrol.fingerprint);
  PutString16(out, enrol.host);
}

void Put(std::string& out, const Enrolled& enrolled) {
  PutString16(out, enrolled.agent_id);
  PutLe(out, enrolled.epoch);
  PutBlob(out, enrolled.certificate_pem);
  PutBlob(out, enrolled.ca_pem);
}

void Put(std::string& out, const Renew& renew) {
  PutBlob(out, renew.csr_der);
}

// Takes fields off the front of a payload; once one was short, the rest are too.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : bytes_(bytes) {}

  template <class T>
  void Get(T& value) {
    const auto got = ok_ ? GetLe<T>(bytes_) : std::nullopt;
    ok_ = got.has_value();
    if (got) value = *got;
  }
  std::string_view Bytes(std::size_t size) {
    ok_ = ok_ && size <= bytes_.size();
    if (!ok_) return {};
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  std::string_view String16() {
    std::uint16_t size = 0;
    Get(size);
    return Bytes(size);
  }
  std::string_view Blob() {
    std::uint32_t size = 0;
    Get(size);
    return Bytes(size);
  }
  void GetFingerprint(Fingerprint& fingerprint) {
    const std::string_view bytes = Bytes(fingerprint.size());
    std::copy(bytes.begin(), bytes.end(), fingerprint.begin());
  }
  // A list's length; not ok above max.
  std::size_t Count(std::size_t max) {
    std::uint16_t count = 0;
    Get(count);
    ok_ = ok_ && count <= max;
    return ok_ ? count : 0;
  }
  std::string_view Rest() { return std::exchange(bytes_, {}); }
  void Require(bool condition) { ok_ = ok_ && condition; }
  bool ok() const { return ok_; }
  bool empty() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

void Take(Fields& fields, Hello& hello) {
  fields.Get(hello.version);
  fields.Get(hello.epoch);
  fields.Get(hello.next_seq);
  fields.Get(hello.first_unacked);
  fields.GetFingerprint(hello.fingerprint);
  hello.host = fields.String16();
  hello.agent_version = fields.String16();
  if (!fields.empty()) hello.numbered_for = fields.String16();
}

void Take(Fields& fields, Welcome& welcome) {
  fields.Get(welcome.version);
  fields.Get(welcome.epoch);
  fields.Get(welcome.window_batches);
  fields.Get(welcome.window_bytes);
  welcome.runs.resize(fields.Count(kRunsMax));
  for (Run& run : welcome.runs) {
    fields.Get(run.first);
    fields.Get(run.last);
    fields.Get(run.last_hash);
    fields.Require(run.first <= run.last);
  }
  fields.Get(welcome.unix_ms);
  std::uint8_t flags = 0;
  fields.Get(flags);
  welcome.used_since = (flags & 1) != 0;
}

void Take(Fields& fields, LayoutBytes& layout) {
  layout.frame = fields.Blob();
}

void Take(Fields& fields, Batch& batch) {
  fields.Get(batch.seq);
  fields.Get(batch.hash);
  batch.frame = fields.Rest();
}

void Take(Fields& fields, Ack& ack) {
  ack.ranges.resize(fields.Count(kRangesMax));
  for (Range& range : ack.ranges) {
    fields.Get(range.first);
    fields.Get(range.last);
    fields.Require(range.first <= range.last);
  }
}

void Take(Fields& fields, Nack& nack) {
  std::uint8_t code = 0;
  fields.Get(nack.seq);
  fields.Get(code);
  fields.Require(code >= 1 && code <= 4);
  nack.code = static_cast<NackCode>(code);
  nack.message = fields.String16();
  fields.Get(nack.hint);
}

void Take(Fields& fields, Ping& ping) {
  fields.Get(ping.token);
}

void Take(Fields& fields, Pong& pong) {
  fields.Get(pong.token);
}

void Take(Fields& fields, Bye& bye) {
  std::uint8_t code = 0;
  fields.Get(code);
  fields.Require(code < kByeCodes);
  bye.code = static_cast<ByeCode>(code);
  bye.message = fields.String16();
}

void Take(Fields& fields, Enrol& enrol) {
  enrol.token = fields.String16();
  enrol.csr_der = fields.Blob();
  fields.GetFingerprint(enrol.fingerprint);
  enrol.host = fields.String16();
}

void Take(Fields& fields, Enrolled& enrolled) {
  enrolled.agent_id = fields.String16();
  fields.Get(enrolled.epoch);
  enrolled.certificate_pem = fields.Blob();
  enrolled.ca_pem = fields.Blob();
}

void Take(Fields& fields, Renew& renew) {
  renew.csr_der = fields.Blob();
}

template <class T>
Result<Frame> DecodeAs(std::string_view payload) {
  T value;
  Fields fields(payload);
  Take(fields, value);
  Frame frame = std::move(value);
  if (!fields.ok()) {
    return Invalid(fmt::format("protocol error: {}: payload of {} bytes is short or wrong",
                               NameOf(frame), payload.size()));
  }
  return frame;
}

// One decoder for each alternative of Frame, in order.
template <std::size_t... I>
Result<Frame> DecodeNth(std::size_t index, std::string_view payload, std::index_sequence<I...>) {
  using Decoder = Result<Frame> (*)(std::string_view);
  static constexpr Decoder kDecoders[] = {&DecodeAs<std::variant_alternative_t<I, Frame>>...};
  return kDecoders[index](payload);
}

}  // namespace

std::string_view ToString(NackCode code) {
  switch (code) {
    case NackCode::kRetry:
      return "retry";
    case NackCode::kBadBatch:
      return "bad batch";
    case NackCode::kOutOfOrder:
      return "out of order";
    case NackCode::kUnknownLayout:
      return "unknown layout";
  }
  return "?";
}

std::string_view ToString(ByeCode code) {
  switch (code) {
    case ByeCode::kNormal:
      return "normal";
    case ByeCode::kNotEnrolled:
      return "not enrolled";
    case ByeCode::kCertificateExpired:
      return "certificate expired";
    case ByeCode::kCertificateUnknown:
      return "certificate unknown";
    case ByeCode::kRevoked:
      return "revoked";
    case ByeCode::kClone:
      return "clone";
    case ByeCode::kProtocolError:
      return "protocol error";
    case ByeCode::kOverloaded:
      return "overloaded";
    case ByeCode::kVersion:
      return "version";
  }
  return "?";
}

std::string_view NameOf(const Frame& frame) {
  static constexpr std::string_view kNames[] = {"Hello", "Welcome", "Layout",   "Batch",
                                                "Ack",   "Nack",    "Ping",     "Pong",
                                                "Bye",   "Enrol",   "Enrolled", "Renew"};
  static_assert(std::size(kNames) == std::variant_size_v<Frame>);
  return kNames[frame.index()];
}

std::string Encode(const Frame& frame) {
  std::string out(4, '\0');
  out.push_back(static_cast<char>(frame.index() + 1));
  std::visit([&out](const auto& value) { Put(out, value); }, frame);
  const auto size = static_cast<std::uint32_t>(out.size() - 4);
  std::copy_n(reinterpret_cast<const char*>(&size), sizeof size, out.begin());
  return out;
}

std::string EncodeBatchHead(std::uint64_t seq, std::uint64_t hash, std::size_t frame_bytes) {
  constexpr std::size_t kType = 4;
  static_assert(std::is_same_v<std::variant_alternative_t<kType - 1, Frame>, Batch>);
  std::string out;
  out.reserve(kBatchHeadBytes);
  PutLe(out, static_cast<std::uint32_t>(1 + 8 + 8 + frame_bytes));
  out.push_back(static_cast<char>(kType));
  PutLe(out, seq);
  PutLe(out, hash);
  return out;
}

Result<Frame> Decode(std::string_view body) {
  if (body.empty()) return Invalid("protocol error: empty frame");
  constexpr std::size_t kCount = std::variant_size_v<Frame>;
  const std::size_t type = static_cast<unsigned char>(body.front());
  if (type < 1 || type > kCount) {
    return Invalid(fmt::format("protocol error: unknown frame type {}", type));
  }
  return DecodeNth(type - 1, body.substr(1), std::make_index_sequence<kCount>());
}

void FrameReader::Feed(std::string_view bytes) {
  if (!failed_.empty()) return;
  if (at_ == buffer_.size()) {
    buffer_.clear();
    at_ = 0;
    if (buffer_.capacity() > kKeptCapacity) buffer_.shrink_to_fit();  // After a big frame.
  } else if (at_ > buffer_.size() / 2) {
    buffer_.erase(0, at_);
    at_ = 0;
  }
  buffer_.append(bytes);
}

Result<std::optional<Frame>> FrameReader::Next() {
  if (!failed_.empty()) return Invalid(failed_);
  std::string_view bytes = std::string_view(buffer_).substr(at_);
  const auto size = GetLe<std::uint32_t>(bytes);
  if (!size) return std::optional<Frame>();
  if (*size == 0 || *size > frame_bytes_max_) {
    failed_ = fmt::format("protocol error: frame of {} bytes, allowed are 1 to {}", *size,
                          frame_bytes_max_);
    return Invalid(failed_);
  }
  if (bytes.size() < *size) return std::optional<Frame>();
  Result<Frame> frame = Decode(bytes.substr(0, *size));
  if (!frame) {
    failed_ = frame.error().message;
    return std::move(frame).error();
  }
  at_ += 4 + *size;
  return std::optional<Frame>(*std::move(frame));
}

}  // namespace opssight::session
