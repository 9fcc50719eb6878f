// The frames that agent and aggregator exchange, as values and as bytes. Layout
// of the bytes and the conversation: README.md of this folder. No I/O, no clock.
//
//   stream.Write(session::Encode(session::Ping{.token = 7}));
//
//   session::FrameReader reader(session::kGreetingBytesMax);
//   reader.Feed(bytes);
//   while (true) {
//     OPS_TRY(std::optional<session::Frame> frame, reader.Next());
//     if (!frame) break;
//     …std::visit…
//   }
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/result.h"

namespace opssight::session {

inline constexpr std::uint16_t kProtocolVersion = 1;
// What a frame may hold until Hello has been answered: nobody is known yet.
inline constexpr std::size_t kGreetingBytesMax = 64UL << 10;
inline constexpr std::size_t kFrameBytesMax = 80UL << 20;
inline constexpr std::size_t kRunsMax = 64;     // In one Welcome.
inline constexpr std::size_t kRangesMax = 256;  // In one Ack.

// Tells a machine from its copies: a hash of /etc/machine-id and a salt.
using Fingerprint = std::array<std::uint8_t, 16>;

struct Range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // Inclusive, >= first.
  bool operator==(const Range&) const = default;
};

struct Run {  // Batches that are durable, and the hash of the last one's bytes.
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t last_hash = 0;
  bool operator==(const Run&) const = default;
};

struct Hello {
  std::uint16_t version = kProtocolVersion;
  std::uint64_t epoch = 0;          // 0: none yet.
  std::uint64_t next_seq = 0;       // 0: give me a new epoch.
  std::uint64_t first_unacked = 0;  // 0: none.
  Fingerprint fingerprint{};
  std::string host;
  std::string agent_version;
  // Where it is another than the certificate's: the agent for which epoch and next_seq were
  // counted, which this host was before it enrolled again. next_seq is then 0.
  std::string numbered_for;
  bool operator==(const Hello&) const = default;
};

struct Welcome {
  std::uint16_t version = kProtocolVersion;
  std::uint64_t epoch = 0;  // Another than Hello's: go over to it; runs are those of Hello's.
  std::uint32_t window_batches = 0;
  std::uint32_t window_bytes = 0;
  std::vector<Run> runs;
  std::uint64_t unix_ms = 0;
  // With a new epoch: one later than Hello's was used already, by another copy of
  // this agent's state, so what is not in runs may have been stored under it.
  bool used_since = false;
  bool operator==(const Welcome&) const = default;
};

// Views of a decoded frame are valid until the reader's next Feed or Next.
struct LayoutBytes {
  std::string_view frame;  // EncodeLayout's.
  bool operator==(const LayoutBytes&) const = default;
};

struct Batch {
  std::uint64_t seq = 0;
  std::uint64_t hash = 0;  // Hash64(frame).
  std::string_view frame;  // EncodeBatch's.
  bool operator==(const Batch&) const = default;
};

struct Ack {
  std::vector<Range> ranges;  // Durable, at least now.
  bool operator==(const Ack&) const = default;
};

enum class NackCode : std::uint8_t {
  kRetry = 1,          // Not now; hint: wait so many ms before sending again.
  kBadBatch = 2,       // These bytes will never be taken; message says why.
  kOutOfOrder = 3,     // hint: the number that is expected.
  kUnknownLayout = 4,  // Send the layouts of this batch, then it again.
};
std::string_view ToString(NackCode code);

struct Nack {
  std::uint64_t seq = 0;
  NackCode code = NackCode::kRetry;
  std::string message;
  std::uint64_t hint = 0;
  bool operator==(const Nack&) const = default;
};

struct Ping {
  std::uint64_t token = 0;
  bool operator==(const Ping&) const = default;
};
struct Pong {
  std::uint64_t token = 0;
  bool operator==(const Pong&) const = default;
};

enum class ByeCode : std::uint8_t {
  kNormal = 0,  // Stop or restart: come back at once.
  kNotEnrolled = 1,
  kCertificateExpired = 2,
  kCertificateUnknown = 3,  // Not from our CA, or not an agent's.
  kRevoked = 4,
  kClone = 5,  // This identity is in use elsewhere, or belongs to another machine.
  kProtocolError = 6,
  kOverloaded = 7,
  kVersion = 8,
};
inline constexpr std::size_t kByeCodes = 9;
std::string_view ToString(ByeCode code);

struct Bye {
  ByeCode code = ByeCode::kNormal;
  std::string message;  // For the peer's operator.
  bool operator==(const Bye&) const = default;
};

struct Enrol {
  std::string token;  // "<id>.<secret>"
  std::string csr_der;
  Fingerprint fingerprint{};
  std::string host;
  bool operator==(const Enrol&) const = default;
};

struct Enrolled {
  std::string agent_id;
  std::uint64_t epoch = 0;
  std::string certificate_pem;  // Chain, leaf first.
  std::string ca_pem;
  bool operator==(const Enrolled&) const = default;
};

struct Renew {
  std::string csr_der;
  bool operator==(const Renew&) const = default;
};

// In the order of their type bytes, from 1.
using Frame = std::variant<Hello, Welcome, LayoutBytes, Batch, Ack, Nack, Ping, Pong, Bye, Enrol,
                           Enrolled, Renew>;
std::string_view NameOf(const Frame& frame);

// The whole frame. Strings longer than 65,535 bytes are cut there; at most kRunsMax
// runs and kRangesMax ranges are written (the first ones).
std::string Encode(const Frame& frame);
// A Batch's frame without a copy of it: this, then frame itself.
std::string EncodeBatchHead(std::uint64_t seq, std::uint64_t hash, std::size_t frame_bytes);
inline constexpr std::size_t kBatchHeadBytes = 4 + 1 + 8 + 8;

// type byte and payload, without the length. kInvalid: a protocol error.
Result<Frame> Decode(std::string_view body);

// Bytes in any cut -> frames. After an error (a length of 0 or above the limit, a
// payload too short for its type, an unknown type) the stream is of no use: Next
// gives the same error again.
// Memory: what was fed and not taken, at most a frame of frame_bytes_max and one Feed.
class FrameReader {
 public:
  explicit FrameReader(std::size_t frame_bytes_max) : frame_bytes_max_(frame_bytes_max) {}

  void Feed(std::string_view bytes);
  Result<std::optional<Frame>> Next();

  void set_frame_bytes_max(std::size_t bytes) { frame_bytes_max_ = bytes; }
  std::size_t buffered_bytes() const { return buffer_.size() - at_; }

 private:
  std::size_t frame_bytes_max_;
  std::string buffer_;
  std::size_t at_ = 0;  // What lies before was taken.
  std::string failed_;  // Not empty: the error for ever.
};

}  // namespace opssight::session
