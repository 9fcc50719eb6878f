#include "common/net/tls.h"

#include <utility>

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "common/base/check.h"
#include "common/net/tls_verify.h"

namespace opssight {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

Owned<BIO> Memory(const std::string& text) {
  return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// An encrypted key must not make OpenSSL ask at the terminal.
int NoPassphrase(char*, int, int, void*) {
  return 0;
}

Result<std::vector<Owned<X509>>> ReadCertificates(const std::string& pem, std::string_view option) {
  const Owned<BIO> bio = Memory(pem);
  std::vector<Owned<X509>> certificates;
  for (;;) {
    Owned<X509> next(PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr));
    if (next == nullptr) break;
    certificates.push_back(std::move(next));
  }
  const unsigned long why = ERR_peek_last_error();
  if (!certificates.empty() && ERR_GET_REASON(why) == PEM_R_NO_START_LINE) {
    ERR_clear_error();
    return certificates;
  }
  return Invalid(
      fmt::format("tls: {}: no PEM certificate, or a damaged one: {}", option, OpensslError()));
}

int ChooseAlpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
               unsigned int in_size, void* arg) {
  const auto& ours = *static_cast<const std::string*>(arg);
  unsigned char* chosen = nullptr;
  const int found =
      SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(ours.data()),
                            static_cast<unsigned int>(ours.size()), in, in_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

int KeepNewSession(SSL* ssl, SSL_SESSION* session) {
  const TlsPeer& peer = PeerOf(ssl);
  peer.context->KeepSession(peer.name, session);
  return 0;  // OpenSSL keeps its own reference.
}

SSL_TICKET_RETURN JudgeTicket(SSL* ssl, SSL_SESSION* session, const unsigned char*, std::size_t,
                              SSL_TICKET_STATUS status, void*) {
  switch (status) {
    case SSL_TICKET_SUCCESS:
    case SSL_TICKET_SUCCESS_RENEW:
      if (!MayResume(session, *PeerOf(ssl).context)) return SSL_TICKET_RETURN_IGNORE_RENEW;
      return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
    default:
      return SSL_TICKET_RETURN_IGNORE_RENEW;
  }
}

// RFC 7301's form: each name behind its length.
Result<std::string> AlpnWire(const std::vector<std::string>& names) {
  std::string wire;
  for (const std::string& name : names) {
    if (name.empty() || name.size() > 255) return Invalid("tls: alpn: a name has 1 to 255 bytes");
    wire.push_back(static_cast<char>(name.size()));
    wire.append(name);
  }
  return wire;
}

void FreeAlpn(void*, void* wire, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<std::string*>(wire);
}

// Where a context keeps the ALPN list that ChooseAlpn reads.
int AlpnIndex() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, FreeAlpn);
  return index;
}

}  // namespace

struct TlsContext::Setup {
  const TlsOptions& options;
  SSL_CTX* context;

  Status Certificate() const {
    if (options.certificate_pem.empty()) {
      if (options.server) return Invalid("tls: a server needs certificate_pem and key_pem");
      return {};
    }
    OPS_TRY(auto chain, ReadCertificates(options.certificate_pem, "certificate_pem"));
    const Owned<BIO> bio = Memory(options.key_pem);
    const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
    if (key == nullptr) {
      return Invalid(
          fmt::format("tls: key_pem: no PEM key without a passphrase: {}", OpensslError()));
    }
    if (SSL_CTX_use_certificate(context, chain[0].get()) != 1) {
      return Invalid(fmt::format("tls: certificate_pem: {}", OpensslError()));
    }
    for (std::size_t i = 1; i < chain.size(); ++i) {
      if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1) {
        return Invalid(fmt::format("tls: certificate_pem: {}", OpensslError()));
      }
    }
    if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
      return Invalid(
          fmt::format("tls: key_pem does not belong to certificate_pem: {}", OpensslError()));
    }
    return {};
  }

  Status Trust() const {
    if (!options.spki_pin.empty() && (options.server || options.spki_pin.size() != 32)) {
      return Invalid("tls: spki_pin is for a client, and is 32 bytes");
    }
    if (options.ca_pem.empty()) {
      if (options.server && options.client_certificate != ClientCertificate::kNone) {
        return Invalid("tls: client certificates cannot be verified without ca_pem");
      }
      if (!options.server && options.spki_pin.empty()) SSL_CTX_set_default_verify_paths(context);
      return {};
    }
    OPS_TRY(auto trusted, ReadCertificates(options.ca_pem, "ca_pem"));
    for (const auto& ca : trusted) {
      X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca.get());
      if (options.server) SSL_CTX_add_client_CA(context, ca.get());
    }
    ERR_clear_error();  // One that is there twice is no matter.
    return {};
  }

  Status Protocol() const {
    SSL_CTX_set_min_proto_version(context, options.tls13_only ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");  // Of TLS 1.2.
    SSL_CTX_set_options(
        context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // Idle connections then hold no record buffers (34 KiB each).
    SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS |
                                  SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_max_early_data(context, 0);
    OPS_TRY(std::string alpn, AlpnWire(options.alpn));
    if (alpn.empty()) return {};
    if (!options.server) {
      SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(alpn.data()),
                              static_cast<unsigned int>(alpn.size()));
      return {};
    }
    auto kept = std::make_unique<std::string>(std::move(alpn));
    SSL_CTX_set_alpn_select_cb(context, ChooseAlpn, kept.get());
    SSL_CTX_set_ex_data(context, AlpnIndex(), kept.release());
    return {};
  }

  void Resumption() const {
    SSL_CTX_set_timeout(context, static_cast<long>(options.ticket_lifetime_s));
    if (!options.server) {
      SSL_CTX_set_session_cache_mode(context,
                                     SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
      SSL_CTX_sess_set_new_cb(context, KeepNewSession);
      return;
    }
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // Tickets only.
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_session_ticket_cb(
        context, [](SSL*, void*) { return 1; }, JudgeTicket, nullptr);
    constexpr unsigned char kName[] = "opssight";
    SSL_CTX_set_session_id_context(context, kName, sizeof(kName) - 1);
  }

  int VerifyMode() const {
    if (!options.server) return SSL_VERIFY_PEER;
    switch (options.client_certificate) {
      case ClientCertificate::kNone:
        return SSL_VERIFY_NONE;
      case ClientCertificate::kRequest:
        return SSL_VERIFY_PEER;
      case ClientCertificate::kRequire:
        break;
    }
    return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  }
};

Result<std::shared_ptr<TlsContext>> TlsContext::Make(TlsOptions options) {
  ERR_clear_error();
  Owned<SSL_CTX> handle(SSL_CTX_new(options.server ? TLS_server_method() : TLS_client_method()));
  OPS_CHECK(handle != nullptr, "tls: no memory: {}", OpensslError());
  const Setup setup{options, handle.get()};
  OPS_RETURN_IF_ERROR(setup.Protocol());
  OPS_RETURN_IF_ERROR(setup.Certificate());
  OPS_RETURN_IF_ERROR(setup.Trust());
  setup.Resumption();
  SSL_CTX_set_verify(handle.get(), setup.VerifyMode(), nullptr);
  std::shared_ptr<TlsContext> context(new TlsContext(std::move(options), handle.release()));
  SSL_CTX_set_cert_verify_callback(context->handle_, VerifyPeerChain, context.get());
  return context;
}

TlsContext::TlsContext(TlsOptions options, ssl_ctx_st* handle)
    : options_(std::move(options)), handle_(handle) {}

TlsContext::~TlsContext() {
  SSL_SESSION_free(session_);
  SSL_CTX_free(handle_);
}

ssl_session_st* TlsContext::TakeSession(const std::string& name) {
  SSL_SESSION* session = nullptr;
  {
    MutexLock lock(mutex_);
    if (session_ == nullptr || session_name_ != name) return nullptr;
    SSL_SESSION_up_ref(session_);
    session = session_;
  }
  if (MayResume(session, *this)) return session;
  SSL_SESSION_free(session);
  return nullptr;
}

void TlsContext::KeepSession(const std::string& name, ssl_session_st* session) {
  MutexLock lock(mutex_);
  SSL_SESSION_up_ref(session);
  SSL_SESSION_free(session_);
  session_ = session;
  session_name_ = name;
}

}  // namespace opssight
