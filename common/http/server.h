// HttpServer answers HTTP/1.1 and HTTP/2 (and so gRPC) on one or several ports,
// plain or TLS; ALPN decides, or without it the h2 preface.
//
//   OPS_TRY(auto server, HttpServer::Open(loop, {{{"", 9090}, tls}}, {}, handler));
//   OPS_RETURN_IF_ERROR(server->Listen({{"", 3100}, tls}));      // an alias
//
// Runs on one Loop. The handler is called there once a request is whole, and may
// answer later from any thread through its Responder; it must not destroy the
// server. Deadlines and limits hold before it sees anything; what they refuse is
// answered as text with 400, 408, 413, 415, 431, 501, 503 or 505 and counted.
//
// A request's Content-Encoding gzip, deflate or zstd is undone, on a pool thread
// above 16 KiB, and the header taken away; "snappy" is left to the handler (remote
// write); another is 415. Answers are compressed (zstd, gzip) where the client asks, the type is
// text, and the body has more than 1 KiB; above 64 KiB not when Send() is called on
// the loop, which it would hold up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/http/http_metrics.h"
#include "common/http/message.h"
#include "common/http/responder.h"
#include "common/net/listener.h"
#include "common/net/loop.h"
#include "common/net/tls.h"

namespace opssight {

struct HttpLimits {
  std::size_t header_bytes_max = 64UL << 10;   // 431 above.
  std::size_t body_bytes_max = 64UL << 20;     // Before and after decoding; 413 above.
  std::size_t bodies_bytes_max = 256UL << 20;  // Of all requests not yet answered; 503 above.
                                               // Of h2 the heads, too, while they come.
  std::size_t requests_max = 4096;             // Not yet answered; 503 above.
  std::size_t connections_max = 4096;          // More are closed at once.
  std::size_t streams_max = 128;               // Of one h2 connection.
  std::int64_t handshake_timeout_ms = 10'000;  // TLS.
  std::int64_t header_timeout_ms = 10'000;     // From the first byte of a request; 408.
  std::int64_t body_timeout_ms = 60'000;       // From the end of its head; 408.
  std::int64_t idle_timeout_ms = 120'000;      // Between requests.
  std::int64_t write_timeout_ms = 60'000;      // Of an answer, until the client has taken it.
  // Large bodies and answers get more time than that: a second for each so many bytes.
  std::size_t rate_bytes_min = 16UL << 10;
};

class HttpServer {
 public:
  using Handler = std::function<void(HttpRequest, std::shared_ptr<Responder>)>;
  struct Port {
    Address address;
    std::shared_ptr<TlsContext> tls;  // Null: plain. Its alpn: {"h2", "http/1.1"}.
    bool reuse_port = false;
  };

  // On the loop's thread, as all but metrics(). clock: for the Date header.
  static Result<std::unique_ptr<HttpServer>> Open(Loop& loop, const std::vector<Port>& ports,
                                                  HttpLimits limits, Handler handler,
                                                  const Clock& clock = Clock::System());
  // Closes everything at once.
  virtual ~HttpServer() = default;

  // One more port for the same handler and limits.
  virtual Status Listen(const Port& port) = 0;
  // The real one of the i-th port, where 0 was asked.
  virtual std::uint16_t port(std::size_t i = 0) const = 0;
  // Of the i-th port: accepted, failed handshakes. Read on any thread.
  virtual std::shared_ptr<const ListenerMetrics> port_metrics(std::size_t i) const = 0;
  // Accepts nothing more, answers what is in flight, closes idle connections at once
  // and the rest after deadline_ms; then calls done, in which the server may be
  // destroyed.
  virtual void Stop(std::int64_t deadline_ms, std::function<void()> done) = 0;
  // Outlives the server for those who still read it. Any thread.
  virtual std::shared_ptr<const HttpMetrics> metrics() const = 0;
};

}  // namespace opssight
