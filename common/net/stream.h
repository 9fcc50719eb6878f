// Stream is one connection, TCP or TLS over TCP, as bytes in and bytes out on
// one Loop. TLS runs in memory (TlsSession), so both sorts share the code.
//
//   auto stream = Connect(loop, {"agg.example", 9095}, tls, "", handler);
//   stream->Write("…");      // also before OnOpen
//
// All calls and all handler calls on the loop's thread. A handler is never called
// from within a call on the stream. The owner may destroy the stream in any state,
// inside a handler call too: the connection is then closed at once, what was not
// yet written is lost, and no further call comes. The handler outlives the stream.
//
// Memory: reads go into one buffer of the loop; what is written and not yet taken
// by the kernel is held (pending_bytes; the writer has to heed it, nothing here
// limits it). A peer that is gone without a word is noticed by keepalive and
// TCP_USER_TIMEOUT.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/net/address.h"
#include "common/net/loop.h"
#include "common/net/tls.h"

namespace opssight {

class Stream;
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  // Connected, and the TLS handshake is done. See ClientCertificate::kRequest for
  // what is still to be looked at.
  virtual void OnOpen(Stream&) {}
  // bytes are valid within the call.
  virtual void OnData(Stream& stream, std::string_view bytes) = 0;
  // pending_bytes() has become 0, after a Write that left some.
  virtual void OnDrained(Stream&) {}
  // Once, last, also where there was no OnOpen. why says what was tried, to whom,
  // and what went wrong; kUnavailable for a clean end, a lost or a refused peer.
  // Destroy the stream here or later.
  virtual void OnClose(Stream& stream, const Error& why) = 0;
};

class Stream {
 public:
  virtual ~Stream() = default;
  virtual void Write(std::string bytes) = 0;  // Never blocks. Nothing after Close*.
  virtual std::size_t pending_bytes() const = 0;
  virtual void Pause() = 0;  // No OnData until Resume: back-pressure to the peer.
  virtual void Resume() = 0;
  // Writes what is pending, then close_notify and FIN, then drops what the peer
  // still sends until it closes or linger_ms is over; then OnClose. No OnData.
  virtual void CloseAfterWrites() = 0;
  virtual void Close() = 0;                     // Now; no handler call comes after it.
  virtual const std::string& peer() const = 0;  // "ip:port", or as asked for until open.
  virtual std::string alpn() const = 0;         // "h2", "http/1.1", or "".
  virtual bool tls() const = 0;
  virtual bool resumed() const = 0;  // By TLS session resumption.
  // The certificate that the peer showed, DER, verified or not; "" if none.
  virtual std::string peer_certificate() const = 0;
  // "" only when the peer showed a certificate and it verified; else why not.
  virtual std::string peer_verify_error() const = 0;
};

struct StreamOptions {
  std::int64_t connect_timeout_ms = 10'000;  // Look-up, connect and TLS handshake in all.
  std::int64_t user_timeout_ms = 30'000;     // TCP_USER_TIMEOUT: sent and not acknowledged.
  std::int64_t keepalive_s = 30;             // Idle before the first probe.
  std::int64_t linger_ms = 2'000;            // See CloseAfterWrites.
};

// The addresses that the name has are tried one after the other, each with its
// share of the time that is left. tls null: plain. server_name: for SNI and the
// certificate; empty: address.host.
std::unique_ptr<Stream> Connect(Loop& loop, const Address& address, std::shared_ptr<TlsContext> tls,
                                const std::string& server_name, StreamHandler& handler,
                                const StreamOptions& options = {});

}  // namespace opssight
