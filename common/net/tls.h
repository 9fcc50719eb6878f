// TlsContext: how to do TLS on a listener or on connections. Immutable but for
// the client's last session; shared between loops and safe on any thread; make a
// new one to reload files. TLS 1.2 at least; no renegotiation, no early data.
//
// Resumption: a server gives stateless tickets, good for ticket_lifetime_s and
// only with the context that gave them (its keys are made with it and kept in
// memory). A client's context keeps the last session and offers it when it next
// connects to the same name. What a resumed connection says about its peer
// (certificate, verify error) is what the full handshake found; once the
// certificate has expired or check_peer refuses it, there is a full handshake.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/base/thread_annotations.h"

struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;
struct x509_store_ctx_st;

namespace opssight {

enum class ClientCertificate : std::uint8_t {
  kNone,  // Not asked for.
  // Asked for, and the connection opens WHATEVER the client shows: nothing, an
  // expired certificate, one of a stranger's CA. The caller has to look at
  // Stream::peer_verify_error() before it believes anything, and refuse with a
  // message that the peer's operator understands. Only "" means verified.
  kRequest,
  kRequire,  // The handshake fails without a certificate that verifies.
};

struct TlsOptions {
  bool server = false;
  // Chain, leaf first; shown as it is (with the CA in it, a client can pin the CA).
  // May be empty on a client.
  std::string certificate_pem;
  std::string key_pem;  // Without a passphrase.
  std::string ca_pem;   // Whom to trust. Empty on a client: the system's store.
  ClientCertificate client_certificate = ClientCertificate::kNone;  // Server. Needs ca_pem.
  bool tls13_only = false;
  std::vector<std::string> alpn;  // In order of preference.
  // Client: instead of ca_pem, trust the certificate of the shown chain whose
  // SubjectPublicKeyInfo has this SHA-256 (RFC 7469's pin), 32 bytes; the leaf must
  // be it or be signed by it. For enrolment, before there is a CA to trust.
  std::string spki_pin;
  // Client: the certificate must be for the name or address connected to. Off only
  // where a pin names the peer's own key.
  bool check_name = true;
  std::int64_t ticket_lifetime_s = 7'200;
  // Once the chain is verified, and on resumption: a last word on the peer's
  // certificate (DER), for revocation. Its error's message is what the log and
  // peer_verify_error() say. Called on the loop's thread: any thread, if shared.
  std::function<Status(std::string_view der)> check_peer;
};

class TlsContext {
 public:
  // kInvalid names the option and what OpenSSL said about it.
  static Result<std::shared_ptr<TlsContext>> Make(TlsOptions options);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  const TlsOptions& options() const { return options_; }
  ssl_ctx_st* handle() const { return handle_; }

  // Client: the session to offer to name, or null. The caller frees it. For TlsSession.
  ssl_session_st* TakeSession(const std::string& name) OPS_EXCLUDES(mutex_);
  void KeepSession(const std::string& name, ssl_session_st* session) OPS_EXCLUDES(mutex_);

 private:
  struct Setup;
  TlsContext(TlsOptions options, ssl_ctx_st* handle);

  const TlsOptions options_;
  ssl_ctx_st* const handle_;
  Mutex mutex_;
  std::string session_name_ OPS_GUARDED_BY(mutex_);
  ssl_session_st* session_ OPS_GUARDED_BY(mutex_) = nullptr;
};

// SHA-256 of a certificate's SubjectPublicKeyInfo, 32 bytes: what spki_pin is
// compared with. kInvalid unless der is a certificate.
Result<std::string> SpkiSha256(std::string_view der);

}  // namespace opssight
