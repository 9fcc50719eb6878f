// Stream is one connection, TCP or TLS over TCP, as bytes in and bytes out on
// one Loop. TLS runs over memory BIOs (OpenSSL 3), so both sorts share the code.
//
//   auto stream = Stream::Connect(loop, {"127.0.0.1", 9095}, tls, handler);
//   stream->Write("…");
//
// All calls and all handler calls on the loop's thread. The handler outlives the
// stream or is detached by Close(). After OnClose no further call comes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/net/loop.h"

namespace opssight {

struct Address {
  std::string host;  // Name or IP literal.
  std::uint16_t port = 0;
  std::string ToString() const;  // "127.0.0.1:9095", "[::1]:9095".
};
// "host:port", "[v6]:port".
Result<Address> ParseAddress(std::string_view text);

class TlsContext;  // common/net/tls.h

class Stream;
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  virtual void OnOpen(Stream&) {}  // Connected, and the TLS handshake is done.
  virtual void OnData(Stream& stream, std::string_view bytes) = 0;
  virtual void OnDrained(Stream&) {}  // Everything written has gone to the kernel.
  // Once, last. kUnavailable for a clean end or a lost peer.
  virtual void OnClose(Stream& stream, const Error& why) = 0;
};

class Stream {
 public:
  virtual ~Stream() = default;
  virtual void Write(std::string bytes) = 0;  // Never blocks; see pending_bytes.
  virtual std::size_t pending_bytes() const = 0;
  virtual void Pause() = 0;  // Stop reading: back-pressure to the peer.
  virtual void Resume() = 0;
  virtual void CloseAfterWrites() = 0;          // Flush, then close_notify and FIN.
  virtual void Close() = 0;                     // Now; OnClose is not called.
  virtual const std::string& peer() const = 0;  // "ip:port".
  // The verified peer certificate, DER; empty without TLS or certificate.
  virtual std::string peer_certificate() const = 0;
  virtual std::string alpn() const = 0;  // "h2", "http/1.1", or "".
};

struct StreamOptions {
  std::int64_t connect_timeout_ms = 10'000;  // Includes the TLS handshake.
  std::int64_t user_timeout_ms = 30'000;     // TCP_USER_TIMEOUT: a half-open peer is noticed.
};

// The returned stream is owned by the caller and may be destroyed in any state.
// tls may be null. server_name: for SNI and the certificate check.
std::unique_ptr<Stream> Connect(Loop& loop, const Address& address, std::shared_ptr<TlsContext> tls,
                                const std::string& server_name, StreamHandler& handler,
                                const StreamOptions& options = {});

// Accepts connections; on_stream gets each before its handshake and returns the
// handler to use. The listener owns nothing of a stream it has handed over.
class Listener {
 public:
  using OnStream = std::function<StreamHandler*(std::unique_ptr<Stream>)>;
  struct Options {
    std::size_t connections_max = 4096;  // More are closed at once and counted.
    std::int64_t handshake_timeout_ms = 10'000;
    bool reuse_port = false;
  };
  virtual ~Listener() = default;
  virtual std::uint16_t port() const = 0;  // The real one where 0 was asked.
  static Result<std::unique_ptr<Listener>> Open(Loop& loop, const Address& address,
                                                std::shared_ptr<TlsContext> tls, Options options,
                                                OnStream on_stream);
};

}  // namespace opssight
