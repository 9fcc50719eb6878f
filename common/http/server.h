// HttpServer answers HTTP/1.1 and HTTP/2 (and so gRPC) on one port, plain or
// TLS; ALPN decides, or on a plain port the h2 preface. Runs on one Loop; the
// handler is called there once a request is whole, and may answer later from any
// thread through its Responder. Header, body and idle deadlines, and limits, hold
// before a handler sees anything. Content-Encoding gzip and zstd of request bodies
// is undone (limit on the size after); answers are gzipped where the client asks
// and it is worth it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/codec/http/headers.h"
#include "common/net/stream.h"

namespace opssight {

struct HttpRequest {
  std::string method;  // "GET"
  std::string path;    // Percent-decoded, without the query.
  // Query and, for application/x-www-form-urlencoded, body parameters, in order, decoded.
  std::vector<std::pair<std::string, std::string>> params;
  Headers headers;
  std::string body;  // Decoded.
  std::string peer;
  int http_major = 1;
  std::string_view Header(std::string_view lower_name) const;  // "" if absent.
  std::string_view Param(std::string_view name) const;         // First; "" if absent.
  bool HasParam(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  Headers headers;
  std::string body;
  Headers trailers;  // HTTP/2 only (gRPC).
};

// Answers one request, once, from any thread. Dropped unanswered: 500.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual void Send(HttpResponse response) = 0;
  virtual bool cancelled() const = 0;  // The client has gone. Any thread.
};

struct HttpLimits {
  std::size_t header_bytes_max = 64UL << 10;
  std::size_t body_bytes_max = 64UL << 20;  // Before and after decoding.
  std::int64_t header_timeout_ms = 10'000;
  std::int64_t body_timeout_ms = 60'000;
  std::int64_t idle_timeout_ms = 120'000;
  std::size_t connections_max = 4096;
  std::size_t streams_max = 128;  // Of one h2 connection.
};

class HttpServer {
 public:
  using Handler = std::function<void(HttpRequest, std::shared_ptr<Responder>)>;
  virtual ~HttpServer() = default;
  virtual std::uint16_t port() const = 0;
  // On the loop's thread; so must the destruction be.
  static Result<std::unique_ptr<HttpServer>> Open(Loop& loop, const Address& address,
                                                  std::shared_ptr<TlsContext> tls,
                                                  HttpLimits limits, Handler handler);
};

}  // namespace opssight
