// `opssight-agent enrol`: turns a token into an identity. Connects to the aggregator
// of which the CA's pin is known, so the token is shown to nobody else; makes the key
// here (it never leaves this host), sends a signing request, saves what comes back.
//
// Repeated after a failure it uses the same key, and so costs the token one use.
// Blocking, with a loop of its own: for a command, not for a running agent.
#pragma once

#include <cstdint>
#include <string>

#include "agent/identity/identity.h"
#include "common/base/result.h"
#include "common/codec/session/frames.h"
#include "common/net/address.h"

namespace opssight {

struct EnrolRequestOptions {
  Address aggregator;
  std::string token;   // "<id>.<secret>"
  std::string ca_pin;  // "sha256:<base64>", as `token create` prints it.
  std::string dir;     // Where the identity goes.
  std::string host;
  session::Fingerprint fingerprint{};
  std::int64_t timeout_ms = 20'000;
};

// The identity as it was saved. Errors say whether the aggregator refused, and why, or
// was not reached.
Result<Identity> EnrolHost(const EnrolRequestOptions& options);

}  // namespace opssight
