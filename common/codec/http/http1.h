// Http1Parser turns the bytes of one HTTP/1 connection into whole requests,
// pipelined or not; Http1Head writes the head of an answer. No I/O.
//
//   parser.Feed(bytes);
//   for (;;) { auto next = parser.Next(); … }
//
// Stricter than RFC 9112 where leniency has been used for request smuggling: a
// Transfer-Encoding other than exactly "chunked", or one beside a Content-Length,
// obs-fold and bare LF are refused. After an error the connection must be closed
// with error_status(). Not thread-safe. Holds one request at a time, and what was
// fed after it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/codec/http/headers.h"

namespace opssight {

struct Http1Options {
  std::size_t header_bytes_max = 64UL << 10;           // Start line, fields; trailers.
  std::size_t body_bytes_max = 64UL << 20;             // Before content decoding.
  std::size_t chunk_extension_bytes_max = 16UL << 10;  // Of all chunks of a body.
};

struct Http1Request {
  std::string method;
  std::string target;  // As sent.
  Headers headers;
  std::string body;
  int minor = 1;
  bool keep_alive = true;
};

class Http1Parser {
 public:
  explicit Http1Parser(Http1Options options);
  ~Http1Parser();

  void Feed(std::string_view bytes);
  // The next whole request, or nothing yet.
  Result<std::optional<Http1Request>> Next();
  // 400, 413, 431, 501 or 505 once Next() returned an error.
  int error_status() const { return error_status_; }
  // True once for a request that waits for "100 Continue" with its body.
  bool TakeExpectContinue();
  // Part of a request was read: its head, or its head and some of the body.
  bool in_head() const { return !head_done_ && !in_.empty(); }
  bool in_body() const { return head_done_; }
  std::size_t buffered_bytes() const { return in_.size(); }

 private:
  struct Machine;
  Error Fail(int status, std::string why);
  Status ReadHead();
  Status ReadBody();

  const Http1Options options_;
  std::unique_ptr<Machine> machine_;  // Of the request being read.
  std::string in_;
  std::size_t scanned_ = 0;  // Of in_, for the end of the head.
  bool head_done_ = false;
  bool expect_continue_ = false;
  int error_status_ = 0;
};

std::string_view HttpReason(int status);
// Status line and fields, with the empty line.
std::string Http1Head(int status, const Headers& headers);

}  // namespace opssight
