// EnrolAuthority says who may send: it turns tokens into identities, renews and
// revokes them. It stands apart from its implementation so that sessions can be
// tested over one in memory. Any thread; a call costs a read or a commit of meta.mdb
// (µs, or some ms), and Enrol and Renew a signature (0.1 ms).
//
// An Error's message is meant for both sides: it says what was wrong and what to do.
// kInvalid: refused, asking again will not help. kUnavailable, kIo, kExhausted: the
// store could not answer; ask again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace opssight {

struct EnrolRequest {
  std::string token;        // "<id>.<secret>"
  std::string csr_der;      // PKCS #10; only its key is used.
  std::string fingerprint;  // 16 bytes.
  std::string host;         // What the host calls itself; shown, never trusted.
  std::string peer;         // "ip:port", for the log.
};

struct Enrolment {
  std::string agent_id;  // UUID text.
  std::uint64_t epoch = 0;
  std::string certificate_pem;
  std::string ca_pem;
};

struct AgentCheck {
  enum class Verdict : std::uint8_t {
    kOk,
    kUnknown,      // No such agent: removed, or of another aggregator.
    kRevoked,      //
    kClone,        // Enrolled on another machine than this one.
    kUnavailable,  // Could not be looked up; try again.
  };
  Verdict verdict = Verdict::kOk;
  std::string message;      // Not kOk: for both sides.
  std::uint64_t epoch = 0;  // kOk: the newest that was handed out.
  std::string host;         // kOk: at enrolment.
};

class EnrolAuthority {
 public:
  virtual ~EnrolAuthority() = default;

  // Uses up one use of the token. The same request again (same key, same machine)
  // within the token's life gives the same identity, so an answer lost on the way
  // costs no second use.
  virtual Result<Enrolment> Enrol(const EnrolRequest& request) = 0;
  // A new certificate for a known, unrevoked agent.
  virtual Result<Enrolment> Renew(const std::string& agent_id, std::string_view csr_der) = 0;
  // For each Hello, and now and then for live sessions, so that revoking ends them.
  virtual AgentCheck Check(const std::string& agent_id, std::string_view fingerprint) = 0;
  // The newest epoch of an agent that was enrolled on this machine, revoked or not; nothing
  // where there is none such. For a host that enrolled again.
  virtual std::optional<std::uint64_t> EpochOfEarlier(const std::string& /*agent_id*/,
                                                      std::string_view /*fingerprint*/) {
    return std::nullopt;
  }
  // The next epoch of an agent whose state was copied or restored.
  virtual Result<std::uint64_t> NewEpoch(const std::string& agent_id) = 0;
};

}  // namespace opssight
