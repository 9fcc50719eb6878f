#include "common/net/tls_session.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "common/base/check.h"
#include "common/net/address.h"

namespace opssight {
namespace {

constexpr std::size_t kRecordBytes = 16UL << 10;  // RFC 8446 5.1.

}  // namespace

// Reads from in_ and appends to out_ without buffers of its own, so that an idle
// connection has none.
struct TlsSession::Bio {
  static TlsSession& Self(BIO* bio) { return *static_cast<TlsSession*>(BIO_get_data(bio)); }

  static int Read(BIO* bio, char* out, int size) {
    TlsSession& self = Self(bio);
    BIO_clear_retry_flags(bio);
    if (self.in_.empty()) {
      BIO_set_retry_read(bio);
      return -1;
    }
    const std::size_t piece = std::min(self.in_.size(), static_cast<std::size_t>(size));
    std::memcpy(out, self.in_.data(), piece);
    self.in_.remove_prefix(piece);
    return static_cast<int>(piece);
  }

  static int Write(BIO* bio, const char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    Self(bio).out_.append(bytes, static_cast<std::size_t>(size));
    return size;
  }

  static long Control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static const BIO_METHOD* Method() {
    static const BIO_METHOD* const method = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "opssight");
      OPS_CHECK(made != nullptr, "tls: no memory");
      BIO_meth_set_read(made, Read);
      BIO_meth_set_write(made, Write);
      BIO_meth_set_ctrl(made, Control);
      BIO_meth_set_create(made, [](BIO* bio) {
        BIO_set_init(bio, 1);
        return 1;
      });
      return made;
    }();
    return method;
  }
};

TlsSession::TlsSession(std::shared_ptr<TlsContext> context, const std::string& name)
    : context_(std::move(context)) {
  peer_.context = context_.get();
  peer_.name = name;
  ssl_ = SSL_new(context_->handle());
  BIO* bio = BIO_new(Bio::Method());
  OPS_CHECK(ssl_ != nullptr && bio != nullptr, "tls: no memory");
  BIO_set_data(bio, this);
  SSL_set_bio(ssl_, bio, bio);
  AttachPeer(ssl_, &peer_);
  if (context_->options().server) {
    SSL_set_accept_state(ssl_);
    return;
  }
  SSL_set_connect_state(ssl_);
  const bool literal = IsIpLiteral(name);
  if (!name.empty() && !literal) SSL_set_tlsext_host_name(ssl_, name.c_str());
  if (context_->options().check_name) {
    X509_VERIFY_PARAM* param = SSL_get0_param(ssl_);
    const int set = literal ? X509_VERIFY_PARAM_set1_ip_asc(param, name.c_str())
                            : X509_VERIFY_PARAM_set1_host(param, name.data(), name.size());
    OPS_CHECK(set == 1 && !name.empty(), "tls: no name to check the certificate for");
  }
  if (SSL_SESSION* session = context_->TakeSession(name); session != nullptr) {
    SSL_set_session(ssl_, session);
    SSL_SESSION_free(session);
  }
}

TlsSession::~TlsSession() {
  // A connection cut off without close_notify must not make OpenSSL throw its
  // session away: networks that cut are when resumption is worth most.
  SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(ssl_);
}

Status TlsSession::Start() {
  return Handshake();
}

Status TlsSession::Handshake() {
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_);
  if (done == 1) {
    open_ = true;
    return {};
  }
  const int why = SSL_get_error(ssl_, done);
  if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return {};
  if (why == SSL_ERROR_ZERO_RETURN) return Unavailable("the peer closed during the handshake");
  return Unavailable(TlsFailure(ssl_));
}

Status TlsSession::Feed(std::string_view wire, const Sink& sink) {
  std::string before;
  if (!kept_.empty()) {
    kept_.append(wire);
    before = std::move(kept_);
    kept_.clear();
    wire = before;
  }
  in_ = wire;
  const Status status = open_ ? Read(sink) : Handshake();
  kept_ = in_;
  in_ = {};
  return status;
}

Status TlsSession::Read(const Sink& sink) {
  std::array<char, kRecordBytes> plain;
  while (!peer_closed_) {
    ERR_clear_error();
    const int size = SSL_read(ssl_, plain.data(), static_cast<int>(plain.size()));
    if (size > 0) {
      if (!sink({plain.data(), static_cast<std::size_t>(size)})) return {};
      continue;
    }
    switch (SSL_get_error(ssl_, size)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return {};
      case SSL_ERROR_ZERO_RETURN:
        peer_closed_ = true;
        return {};
      default:
        return Unavailable(TlsFailure(ssl_));
    }
  }
  return {};
}

Status TlsSession::Write(std::string_view plain) {
  OPS_CHECK(open_, "tls: write before the handshake is done");
  while (!plain.empty()) {
    ERR_clear_error();
    const auto piece = static_cast<int>(std::min<std::size_t>(plain.size(), kRecordBytes));
    const int size = SSL_write(ssl_, plain.data(), piece);
    if (size <= 0) return Unavailable(TlsFailure(ssl_));
    plain.remove_prefix(static_cast<std::size_t>(size));
  }
  return {};
}

void TlsSession::SendCloseNotify() {
  ERR_clear_error();
  if (open_) (void)SSL_shutdown(ssl_);
  ERR_clear_error();
}

bool TlsSession::resumed() const {
  return SSL_session_reused(ssl_) == 1;
}

std::string TlsSession::alpn() const {
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string TlsSession::peer_certificate() const {
  return PeerCertificate(ssl_);
}

std::string TlsSession::peer_verify_error() const {
  return PeerVerifyError(ssl_);
}

}  // namespace opssight
