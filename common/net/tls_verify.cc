#include "common/net/tls_verify.h"

#include <array>
#include <ctime>
#include <memory>

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "common/base/check.h"

namespace opssight {
namespace {

struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};

int PeerIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

std::string Der(X509* certificate) {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(certificate, &bytes);
  if (size <= 0) return {};
  std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return der;
}

Result<std::string> SpkiSha256Of(X509* certificate) {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &bytes);
  if (size <= 0) return Invalid("certificate has no readable key");
  std::string digest(32, '\0');
  const int hashed =
      EVP_Digest(bytes, static_cast<std::size_t>(size),
                 reinterpret_cast<unsigned char*>(digest.data()), nullptr, EVP_sha256(), nullptr);
  OPENSSL_free(bytes);
  if (hashed != 1) return Internal("SHA-256 failed");
  return digest;
}

// Trusts the pinned one of the shown certificates, and lets OpenSSL build and
// check the chain to it: a stranger who shows it beside his own leaf fails.
int VerifyByPin(X509_STORE_CTX* store, const std::string& pin) {
  const std::unique_ptr<STACK_OF(X509), FreeStack> pinned(sk_X509_new_null());
  const auto consider = [&](X509* certificate) {
    const auto digest = SpkiSha256Of(certificate);
    if (digest.has_value() && *digest == pin) sk_X509_push(pinned.get(), certificate);
  };
  consider(X509_STORE_CTX_get0_cert(store));
  STACK_OF(X509)* shown = X509_STORE_CTX_get0_untrusted(store);
  for (int i = 0; i < sk_X509_num(shown); ++i) consider(sk_X509_value(shown, i));
  if (sk_X509_num(pinned.get()) == 0) {
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
    return 0;
  }
  X509_STORE_CTX_set0_trusted_stack(store, pinned.get());
  X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(store), X509_V_FLAG_PARTIAL_CHAIN);
  const int verified = X509_verify_cert(store);
  X509_STORE_CTX_set0_trusted_stack(store, nullptr);
  return verified;
}

std::string TimeText(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "?";
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string NameText(const X509_NAME* name) {
  std::array<char, 256> text{};
  X509_NAME_oneline(name, text.data(), static_cast<int>(text.size()));
  return text.data();
}

std::string SubjectText(X509* certificate) {
  return NameText(X509_get_subject_name(certificate));
}

// What to do about a refused certificate.
std::string Advice(long error, X509* certificate) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return fmt::format("; {} was good until {}: renew it, or set this host's clock",
                         SubjectText(certificate), TimeText(X509_get0_notAfter(certificate)));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return fmt::format("; {} is good from {} on: set the clocks", SubjectText(certificate),
                         TimeText(X509_get0_notBefore(certificate)));
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return fmt::format("; {} is for other names: connect by one of its names",
                         SubjectText(certificate));
    case X509_V_ERR_CERT_UNTRUSTED:
      return fmt::format("; no certificate that {} shows has the pinned key",
                         SubjectText(certificate));
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return fmt::format("; {} is signed by {}, which is not trusted here",
                         SubjectText(certificate), NameText(X509_get_issuer_name(certificate)));
    default:
      return fmt::format("; subject {}", SubjectText(certificate));
  }
}

std::string VerifyText(long error) {
  return X509_verify_cert_error_string(error);
}

}  // namespace

void AttachPeer(ssl_st* ssl, TlsPeer* peer) {
  SSL_set_ex_data(ssl, PeerIndex(), peer);
}

TlsPeer& PeerOf(ssl_st* ssl) {
  auto* peer = static_cast<TlsPeer*>(SSL_get_ex_data(ssl, PeerIndex()));
  OPS_CHECK(peer != nullptr, "tls: a connection without AttachPeer");
  return *peer;
}

int VerifyPeerChain(x509_store_ctx_st* store, void* arg) {
  const auto& options = static_cast<const TlsContext*>(arg)->options();
  TlsPeer& peer = PeerOf(
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx())));
  X509* leaf = X509_STORE_CTX_get0_cert(store);
  int verified =
      options.spki_pin.empty() ? X509_verify_cert(store) : VerifyByPin(store, options.spki_pin);
  if (verified != 1) {
    const int error = X509_STORE_CTX_get_error(store);
    X509* at = X509_STORE_CTX_get_current_cert(store);
    peer.refusal = VerifyText(error) + Advice(error, at == nullptr ? leaf : at);
  } else if (options.check_peer != nullptr) {
    const Status allowed = options.check_peer(Der(leaf));
    if (!allowed.has_value()) {
      peer.refusal = allowed.error().message;
      X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REVOKED);
      verified = 0;
    }
  }
  // The error stays in store, from where SSL_get_verify_result has it.
  if (options.server && options.client_certificate == ClientCertificate::kRequest) return 1;
  return verified == 1 ? 1 : 0;
}

bool MayResume(ssl_session_st* session, const TlsContext& context) {
  X509* certificate = SSL_SESSION_get0_peer(session);
  if (certificate == nullptr) return true;
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0) return false;
  const auto& check_peer = context.options().check_peer;
  return check_peer == nullptr || check_peer(Der(certificate)).has_value();
}

std::string PeerVerifyError(ssl_st* ssl) {
  const TlsPeer& peer = PeerOf(ssl);
  const TlsOptions& options = peer.context->options();
  if (options.server && options.client_certificate == ClientCertificate::kNone) {
    return "no certificate was asked for";
  }
  if (SSL_get0_peer_certificate(ssl) == nullptr) return "no certificate was shown";
  if (!peer.refusal.empty()) return peer.refusal;
  const long found = SSL_get_verify_result(ssl);
  return found == X509_V_OK ? std::string() : VerifyText(found);
}

std::string TlsFailure(ssl_st* ssl) {
  const unsigned long error = ERR_peek_error();
  const int reason = ERR_GET_REASON(error);
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return OpensslError();
  const std::string& refusal = PeerOf(ssl).refusal;
  std::string text;
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && !refusal.empty()) {
    text = refusal;
  } else if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    text = "the peer shows no certificate";
  } else if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST) {
    text = "the peer does not speak TLS here";
  } else if (reason > SSL_AD_REASON_OFFSET) {  // An alert.
    text = fmt::format("the peer refused: {}",
                       SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
  } else {
    return OpensslError();
  }
  ERR_clear_error();
  return text;
}

std::string PeerCertificate(ssl_st* ssl) {
  X509* certificate = SSL_get0_peer_certificate(ssl);
  return certificate == nullptr ? std::string() : Der(certificate);
}

std::string OpensslError() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  if (error == 0) return "no reason given";
  const char* reason = ERR_reason_error_string(error);
  return reason == nullptr ? fmt::format("error {:#x}", error) : std::string(reason);
}

Result<std::string> SpkiSha256(std::string_view der) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  const std::unique_ptr<X509, FreeX509> certificate(
      d2i_X509(nullptr, &bytes, static_cast<long>(der.size())));
  if (certificate == nullptr) return Invalid(fmt::format("certificate: {}", OpensslError()));
  return SpkiSha256Of(certificate.get());
}

}  // namespace opssight
