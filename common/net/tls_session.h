// TlsSession is one TLS connection in memory: bytes of the wire in and out, plain
// bytes in and out. No socket, no loop; Stream puts it on one.
//
//   session.Start();                       // a client speaks first
//   session.Feed(wire, [](plain) { …; return true; });
//   socket.Write(session.TakeOutput());    // after each call
//
// Not thread-safe. Memory: what is not taken out, and OpenSSL's state, about 10 kB
// while idle.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/result.h"
#include "common/net/tls.h"
#include "common/net/tls_verify.h"

namespace opssight {

class TlsSession {
 public:
  // Takes decrypted bytes; false: no more for now (the rest waits for Feed("")).
  using Sink = std::function<bool(std::string_view plain)>;

  // name: client: whom the certificate has to be for, and SNI unless it is an address.
  TlsSession(std::shared_ptr<TlsContext> context, const std::string& name);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // Client: writes its first flight. Server: nothing.
  Status Start();
  // Takes what the socket gave. The call that makes it open() keeps what came behind
  // the handshake for the next, Feed("") too. After an error, send what TakeOutput() has (an
  // alert) and close; the message is without the peer's name.
  Status Feed(std::string_view wire, const Sink& sink);
  // Only once open(). A view: what is written is encrypted within the call.
  Status Write(std::string_view plain);
  void SendCloseNotify();
  std::string TakeOutput() { return std::move(out_); }

  bool open() const { return open_; }
  bool peer_closed() const { return peer_closed_; }  // Its close_notify came.
  bool resumed() const;
  std::string alpn() const;
  std::string peer_certificate() const;
  std::string peer_verify_error() const;

 private:
  struct Bio;  // OpenSSL's way to in_ and out_.
  Status Handshake();
  Status Read(const Sink& sink);

  const std::shared_ptr<TlsContext> context_;
  TlsPeer peer_;
  ssl_st* ssl_ = nullptr;
  std::string_view in_;  // Within Feed only.
  std::string kept_;     // What Feed could not use up because sink said so.
  std::string out_;
  bool open_ = false;
  bool peer_closed_ = false;
};

}  // namespace opssight
