// H2Session is the server side of one HTTP/2 connection in memory: bytes in,
// whole requests out, answers in, bytes out (RFC 9113 over nghttp2). No I/O.
//
//   session.Receive(bytes);          // calls handler.OnRequest
//   session.Respond(id, …);          // later, in any order
//   stream.Write(session.TakeOutput(max));
//
// A body above the limit is answered with 413 and its stream reset; requests of all
// streams together above theirs reset the stream that grew. Not thread-safe. Holds
// unfinished requests, heads and bodies, and the bodies of unsent answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/codec/http/headers.h"

struct nghttp2_session;

namespace opssight {

inline constexpr std::string_view kH2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct H2Options {
  std::size_t header_bytes_max = 64UL << 10;
  std::size_t body_bytes_max = 64UL << 20;         // Of one request.
  std::size_t unfinished_bytes_max = 128UL << 20;  // Of all unfinished requests, with their heads.
  std::size_t streams_max = 128;
  // Below 1 MiB an export of some megabytes waits for hundreds of window updates.
  std::int32_t stream_window_bytes = 4 << 20;
  std::int32_t connection_window_bytes = 16 << 20;
};

struct H2Request {
  std::int32_t id = 0;
  std::string method;
  std::string target;  // :path, as sent.
  Headers headers;     // :authority is "host".
  std::string body;
};

class H2Handler {
 public:
  virtual ~H2Handler() = default;
  // size more bytes of a request have come. False: the stream is answered with 503, which
  // clients try again, and its body dropped; while its head is coming, it is reset.
  virtual bool OnBytes(std::size_t /*size*/) { return true; }
  virtual void OnRequest(H2Request request) = 0;
  // After OnRequest: answered in full, or reset by the peer.
  virtual void OnStreamClosed(std::int32_t id) = 0;
};

class H2Session {
 public:
  H2Session(H2Options options, H2Handler& handler);
  ~H2Session();
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;

  // An error means: send what TakeOutput() has, then close.
  Status Receive(std::string_view bytes);
  // At least bytes_max bytes, if there are.
  std::string TakeOutput(std::size_t bytes_max);
  // Nothing for a stream that is gone. With trailers and no body: trailers only,
  // as gRPC has it.
  void Respond(std::int32_t id, int status, const Headers& headers, std::string body,
               const Headers& trailers);
  // Takes no new stream; done() once the open ones are answered.
  void GoAway();
  bool done() const;
  std::size_t open_streams() const { return streams_.size(); }
  std::size_t unfinished_requests() const;
  // The stream whose request has been coming for longest; 0 if none is.
  std::int32_t oldest_unfinished() const;
  std::size_t unfinished_bytes() const { return unfinished_bytes_; }

 private:
  struct Callbacks;
  struct Stream {
    H2Request request;
    std::size_t header_bytes = 0;
    std::size_t counted = 0;  // In unfinished_bytes_.
    bool whole = false;       // OnRequest was called.
    bool rejected = false;    // Answered by us; the rest of the body is dropped.
    std::string answer;
    std::size_t sent = 0;
    Headers trailers;
  };
  Stream* Find(std::int32_t id);
  bool Fits(std::size_t bytes) const;
  void Count(Stream& stream, std::size_t bytes);
  void Uncount(Stream& stream);
  void Reject(Stream& stream, int status);

  const H2Options options_;
  H2Handler& handler_;
  std::map<std::int32_t, std::unique_ptr<Stream>> streams_;
  std::size_t unfinished_bytes_ = 0;
  nghttp2_session* session_ = nullptr;
};

}  // namespace opssight
