// TlsContext: how to do TLS on a listener or a connection. Immutable once made,
// shared between loops; make a new one to reload files. Minimum TLS 1.2, 1.3
// for agents. Session tickets on, so that a reconnect resumes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace opssight {

struct TlsOptions {
  bool server = false;
  std::string certificate_pem;  // Chain. May be empty on a client.
  std::string key_pem;
  std::string ca_pem;                       // Whom to trust. Empty on a client: the system's store.
  bool require_client_certificate = false;  // Server: mutual TLS.
  bool tls13_only = false;
  std::vector<std::string> alpn;  // In order of preference.
  // Client: instead of ca_pem, accept the chain whose some certificate has this
  // SHA-256 of its SubjectPublicKeyInfo (RFC 7469's pin), 32 bytes. For enrolment.
  std::string spki_pin;
  // After the chain is verified: a last word on the peer's certificate (DER), for
  // revocation. An error ends the handshake with its message in the log.
  std::function<Status(std::string_view der)> check_peer;
};

class TlsContext {
 public:
  virtual ~TlsContext() = default;
  static Result<std::shared_ptr<TlsContext>> Make(TlsOptions options);
};

}  // namespace opssight
