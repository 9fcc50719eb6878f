// Who is at the other end of a connection, judged from what TLS says of its
// certificate, as a value: sessions and their tests know no TLS.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace opssight {

struct SessionPeer {
  enum class Certificate : std::uint8_t {
    kNone,
    kVerified,    // From our CA, in its dates, and an agent's.
    kExpired,     // Or not valid yet.
    kUnverified,  // Another CA's, or not an agent's.
  };
  std::string address;  // "192.0.2.7:41234"
  Certificate certificate = Certificate::kNone;
  std::string agent_id;  // kVerified: UUID text.
  std::string serial;    // Lower-case hex.
  std::string why;       // Not kVerified: what is wrong, for an operator.
};

// certificate_der and verify_error as Stream gives them ("": verified).
SessionPeer JudgePeer(std::string address, std::string_view certificate_der,
                      std::string_view verify_error, std::int64_t now_s);

// The certificate's URI that names an agent: "opssight://agent/<uuid>".
inline constexpr std::string_view kAgentUri = "opssight://agent/";

}  // namespace opssight
