// HttpConnection is one connection of HttpServer: which protocol, whose turn, and
// every deadline. On the loop's thread. Bytes come from its Stream; whole requests
// go to the handler as an Exchange, whose answer comes back by Answer().
//
// HTTP/1.1: one request at a time; what is pipelined behind it waits, also while
// 256 KiB of answers wait for the client, and above 64 KiB reading stops. HTTP/2: up
// to streams_max at once, output in steps, so that a slow reader holds answers, not
// their framed copies too.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/codec/grpc/h2_session.h"
#include "common/codec/http/http1.h"
#include "common/http/exchange.h"
#include "common/http/request.h"
#include "common/http/server.h"
#include "common/net/stream.h"
#include "common/net/timer.h"

namespace opssight {

// What all connections of a server share.
struct HttpShared {
  Loop& loop;
  const HttpLimits limits;
  const std::shared_ptr<const HttpServer::Handler> handler;
  const Clock& clock;
  std::shared_ptr<HttpMetrics> metrics = std::make_shared<HttpMetrics>();
  // The connection is over, and may be destroyed in the call.
  std::function<void(HttpConnection*)> on_over = nullptr;
  std::int64_t date_s = -1;  // Of the next.
  std::string date;

  // The Date header's value now.
  const std::string& Date();
  bool BodiesFit(std::size_t more) const;
};

class HttpConnection final : public StreamHandler, private H2Handler {
 public:
  HttpConnection(HttpShared& shared, std::unique_ptr<Stream> stream);
  ~HttpConnection() override;
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  // From HttpLink. Nothing for a request whose client has gone.
  void Answer(std::int64_t id, HttpResponse response);
  // Takes no further request; closes once what is in flight is answered.
  void Drain();

  void OnOpen(Stream& stream) override;
  void OnData(Stream& stream, std::string_view bytes) override;
  void OnDrained(Stream& stream) override;
  void OnClose(Stream& stream, const Error& why) override;

 private:
  enum class Wait : std::uint8_t { kNothing, kIdle, kHead, kBody };
  struct Pending {
    std::shared_ptr<std::atomic<bool>> cancelled;
    std::int64_t write_deadline_ms = 0;  // Once answered.
    bool head_only = false;
    bool keep_alive = true;
    int minor = 1;
  };

  bool OnBytes(std::size_t size) override;
  void OnRequest(H2Request request) override;
  void OnStreamClosed(std::int32_t id) override;

  void Sniff(std::string_view bytes);
  void ReceiveHttp1(std::string_view bytes);
  void ReceiveHttp2(std::string_view bytes);
  void NextHttp1();
  void GoOnHttp1();
  bool OutputIsFull() const;
  void RefuseHttp1(int status, std::string_view text);
  void AnswerHttp1(Pending& pending, HttpResponse response);
  void FlushHttp2();
  void Dispatch(std::int64_t id, HttpRequest request, std::string_view target, Pending pending);
  void Handle(std::shared_ptr<Exchange> exchange, HttpRequest request);
  void CountRefusal(int status);
  void SetUnfinishedBytes(std::size_t bytes);
  void CloseSoon();
  std::int64_t WriteDeadline(std::size_t bytes) const;

  Wait CurrentWait() const;
  std::int64_t WaitDeadline() const;
  void UpdateDeadline();
  void OnTimer();
  void TimedOut();
  void Over();

  HttpShared& shared_;
  std::unique_ptr<Stream> stream_;
  const std::shared_ptr<HttpLink> link_;
  std::string sniffed_;  // Before it is clear which of the two it is.
  std::optional<Http1Parser> http1_;
  std::unique_ptr<H2Session> http2_;
  std::map<std::int64_t, Pending> pending_;  // By request: a number, or the h2 stream.
  std::int64_t requests_ = 0;                // HTTP/1.
  std::size_t unfinished_bytes_ = 0;         // Counted in metrics.bodies_bytes.
  bool receiving_ = false;                   // Within OnData: output is flushed at its end.
  bool opened_ = false;
  bool draining_ = false;
  bool closing_ = false;

  Timer timer_;
  std::int64_t timer_at_ms_ = 0;  // When it fires; 0: not running.
  Wait wait_ = Wait::kNothing;
  std::int64_t wait_key_ = 0;  // Changes with the request that is waited for.
  std::int64_t wait_since_ms_ = 0;
  std::size_t wait_bytes_ = 0;           // Come since then.
  std::int64_t socket_deadline_ms_ = 0;  // For pending bytes of the stream; 0: none.
};

}  // namespace opssight
