// How a peer's certificate is judged, in a handshake and on resumption, and how
// that is said. Used by TlsContext and TlsSession only.
#pragma once

#include <string>

#include "common/net/tls.h"

namespace opssight {

// What OpenSSL's callbacks need to know of a connection, and found out about its
// peer. Lives as long as the SSL, in its user data.
struct TlsPeer {
  TlsContext* context = nullptr;
  std::string name;     // Client: connected to.
  std::string refusal;  // Why the chain shown in this handshake did not verify.
};
void AttachPeer(ssl_st* ssl, TlsPeer* peer);
TlsPeer& PeerOf(ssl_st* ssl);

// SSL_CTX_set_cert_verify_callback; arg is the TlsContext.
int VerifyPeerChain(x509_store_ctx_st* store, void* arg);

// Whether the certificate in session is still within its dates and not revoked. If
// not, there has to be a full handshake, with its verification and its messages.
bool MayResume(ssl_session_st* session, const TlsContext& context);

// Of a finished handshake: "" when the peer showed a certificate that verified,
// else why it is not to be believed.
std::string PeerVerifyError(ssl_st* ssl);

// Of a failed handshake or read, from OpenSSL's error queue, which it empties.
std::string TlsFailure(ssl_st* ssl);

// DER of the peer's certificate; "" if none.
std::string PeerCertificate(ssl_st* ssl);

// The oldest error of this thread's OpenSSL queue as text; empties the queue.
std::string OpensslError();

}  // namespace opssight
