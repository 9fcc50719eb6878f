#include "common/http/connection.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <limits>
#include <utility>

#include <fmt/core.h>

#include "common/base/log.h"

namespace opssight {
namespace {

constexpr std::size_t kPipelinedBytesMax = 64UL << 10;
constexpr std::size_t kOutputStepBytes = 64UL << 10;
constexpr std::size_t kOutputPendingMax = 256UL << 10;  // In the socket's queue.
constexpr std::size_t kOneWriteBytesMax = 16UL << 10;   // Head and body in one piece.
constexpr std::size_t kDecodeOnLoopBytesMax = 16UL << 10;

bool HasNoBody(int status) {
  return status == 204 || status == 304 || status < 200;
}

// What the server itself says about a message.
bool IsOurs(std::string_view name) {
  return name == "content-length" || name == "connection" || name == "transfer-encoding" ||
         name == "keep-alive" || name == "date";
}

}  // namespace

const std::string& HttpShared::Date() {
  const std::int64_t now_s = clock.WallMs() / kMsPerSecond;
  if (now_s != std::exchange(date_s, now_s)) {
    const auto time = static_cast<std::time_t>(now_s);
    std::tm parts{};
    gmtime_r(&time, &parts);
    static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                         "Thu", "Fri", "Sat"};
    static constexpr std::array<const char*, 12> kMonths = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    date = fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                       kDays[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday,
                       kMonths[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900,
                       parts.tm_hour, parts.tm_min, parts.tm_sec);
  }
  return date;
}

bool HttpShared::BodiesFit(std::size_t more) const {
  return metrics->bodies_bytes.value() + static_cast<double>(more) <=
         static_cast<double>(limits.bodies_bytes_max);
}

HttpConnection::HttpConnection(HttpShared& shared, std::unique_ptr<Stream> stream)
    : shared_(shared),
      stream_(std::move(stream)),
      link_(std::make_shared<HttpLink>(shared.loop, *this)),
      timer_(shared.loop) {
  shared_.metrics->connections.Add(1);
}

HttpConnection::~HttpConnection() {
  link_->Cut();
  for (auto& entry : pending_) entry.second.cancelled->store(true, std::memory_order_relaxed);
  SetUnfinishedBytes(0);
  shared_.metrics->connections.Add(-1);
}

void HttpConnection::OnOpen(Stream& stream) {
  const std::string alpn = stream.alpn();
  opened_ = true;
  if (alpn == "http/1.1") ReceiveHttp1({});
  if (alpn == "h2") ReceiveHttp2({});
  if (draining_ && !closing_) Drain();
  UpdateDeadline();
}

void HttpConnection::OnData(Stream&, std::string_view bytes) {
  if (closing_) return;
  wait_bytes_ += bytes.size();
  receiving_ = true;
  if (http2_ != nullptr) {
    ReceiveHttp2(bytes);
  } else if (http1_.has_value()) {
    ReceiveHttp1(bytes);
  } else {
    Sniff(bytes);
  }
  receiving_ = false;
  if (http2_ != nullptr) FlushHttp2();
  UpdateDeadline();
}

// Without ALPN: h2 only with prior knowledge, which its preface shows.
void HttpConnection::Sniff(std::string_view bytes) {
  sniffed_.append(bytes);
  const std::size_t size = std::min(sniffed_.size(), kH2Preface.size());
  const bool may_be_h2 = sniffed_.compare(0, size, kH2Preface.substr(0, size)) == 0;
  if (may_be_h2 && size < kH2Preface.size()) return;
  const std::string all = std::exchange(sniffed_, {});
  if (may_be_h2) {
    ReceiveHttp2(all);
  } else {
    ReceiveHttp1(all);
  }
}

void HttpConnection::ReceiveHttp1(std::string_view bytes) {
  if (!http1_.has_value()) {
    http1_.emplace(Http1Options{.header_bytes_max = shared_.limits.header_bytes_max,
                                .body_bytes_max = shared_.limits.body_bytes_max});
  }
  http1_->Feed(bytes);
  NextHttp1();
  if (closing_ || !http1_->in_body() || !pending_.empty()) return;
  if (!shared_.BodiesFit(bytes.size())) {
    RefuseHttp1(503, "too many bytes of requests in flight; try again");
  } else {
    SetUnfinishedBytes(unfinished_bytes_ + bytes.size());
  }
}

void HttpConnection::NextHttp1() {
  while (pending_.empty() && !closing_ && !OutputIsFull()) {
    auto next = http1_->Next();
    if (!next.has_value()) {
      return RefuseHttp1(http1_->error_status(), next.error().message);
    }
    if (!next->has_value()) {
      if (http1_->TakeExpectContinue()) stream_->Write("HTTP/1.1 100 Continue\r\n\r\n");
      break;
    }
    SetUnfinishedBytes(0);
    Http1Request& from = **next;
    HttpRequest request;
    request.method = std::move(from.method);
    request.headers = std::move(from.headers);
    request.body = std::move(from.body);
    Pending pending;
    pending.keep_alive = from.keep_alive;
    pending.minor = from.minor;
    Dispatch(++requests_, std::move(request), from.target, std::move(pending));
  }
  if (closing_) return;
  const bool waits = !pending_.empty() || OutputIsFull();
  if (waits && http1_->buffered_bytes() > kPipelinedBytesMax) {
    stream_->Pause();
  } else {
    stream_->Resume();
  }
}

// What is pipelined may be answered at once: no recursion from Answer().
void HttpConnection::GoOnHttp1() {
  if (closing_) return;
  receiving_ = true;
  NextHttp1();
  receiving_ = false;
}

// A client that does not read gets no further answers made.
bool HttpConnection::OutputIsFull() const {
  return stream_->pending_bytes() >= kOutputPendingMax;
}

// Bytes that are no request: after the answer there is no way to go on.
void HttpConnection::RefuseHttp1(int status, std::string_view text) {
  CountRefusal(status);
  Pending pending;
  pending.keep_alive = false;
  AnswerHttp1(pending, TextResponse(status, text));
}

void HttpConnection::CountRefusal(int status) {
  HttpMetrics& metrics = *shared_.metrics;
  switch (status) {
    case 408:
      return metrics.timeouts.Add();
    case 413:
    case 431:
      return metrics.too_large.Add();
    case 415:
      return metrics.unsupported_codings.Add();
    case 503:
      return metrics.busy.Add();
    default:
      return metrics.bad_requests.Add();
  }
}

void HttpConnection::Dispatch(std::int64_t id, HttpRequest request, std::string_view target,
                              Pending pending) {
  request.peer = stream_->peer();
  request.http_major = http2_ == nullptr ? 1 : 2;
  pending.head_only = request.method == "HEAD";
  auto exchange = std::make_shared<Exchange>(link_, shared_.metrics, id, request.body.size(),
                                             request.Header("accept-encoding"));
  pending.cancelled = exchange->cancel_flag();
  pending_[id] = std::move(pending);
  std::optional<HttpRefusal> refusal;
  if (shared_.metrics->requests_in_flight.value() >
      static_cast<double>(shared_.limits.requests_max)) {
    refusal = HttpRefusal{503, "too many requests in flight; try again"};
  } else {
    refusal = SetTarget(target, request);
  }
  if (refusal.has_value()) {
    CountRefusal(refusal->status);
    return exchange->Send(TextResponse(refusal->status, refusal->text));
  }
  Handle(std::move(exchange), std::move(request));
}

namespace {

struct Decoding {
  HttpRequest request;
  std::optional<HttpRefusal> refusal;

  void Run(std::size_t bytes_max) {
    if (HasCodedBody(request)) refusal = DecodeBody(bytes_max, request);
    if (!refusal.has_value()) refusal = AddFormParams(request);
  }
};

}  // namespace

void HttpConnection::Handle(std::shared_ptr<Exchange> exchange, HttpRequest request) {
  shared_.loop.AssertHere();
  const auto decoding = std::make_shared<Decoding>();
  decoding->request = std::move(request);
  const std::size_t bytes_max = shared_.limits.body_bytes_max;
  // The copies outlive this connection, and the server, where the pool is slow.
  const auto finish = [exchange, decoding, metrics = shared_.metrics, handler = shared_.handler] {
    if (exchange->cancelled()) return exchange->Send({});
    if (decoding->refusal.has_value()) {
      const int status = decoding->refusal->status;
      (status == 413   ? metrics->too_large
       : status == 415 ? metrics->unsupported_codings
                       : metrics->bad_requests)
          .Add();
      return exchange->Send(TextResponse(status, decoding->refusal->text));
    }
    exchange->Recount(decoding->request.body.size());
    metrics->requests.Add();
    (*handler)(std::move(decoding->request), exchange);
  };
  if (HasCodedBody(decoding->request) && decoding->request.body.size() > kDecodeOnLoopBytesMax) {
    return shared_.loop.Work([decoding, bytes_max] { decoding->Run(bytes_max); }, finish);
  }
  decoding->Run(bytes_max);
  finish();
}

void HttpConnection::Answer(std::int64_t id, HttpResponse response) {
  const auto at = pending_.find(id);
  if (at == pending_.end() || at->second.write_deadline_ms != 0) return;
  Pending& pending = at->second;
  if (response.status < 200 || response.status > 599) {
    response = TextResponse(500, "the handler gave no status");
  }
  if (http2_ == nullptr) {
    AnswerHttp1(pending, std::move(response));
    pending_.erase(id);
    if (!receiving_) GoOnHttp1();
  } else {
    Headers headers;
    for (auto& header : response.headers) {
      if (!IsOurs(header.first)) headers.push_back(std::move(header));
    }
    headers.emplace_back("date", shared_.Date());
    const bool plain = response.trailers.empty() && !HasNoBody(response.status);
    if (plain) headers.emplace_back("content-length", std::to_string(response.body.size()));
    if (pending.head_only || HasNoBody(response.status)) response.body.clear();
    pending.write_deadline_ms = WriteDeadline(response.body.size());
    http2_->Respond(static_cast<std::int32_t>(id), response.status, headers,
                    std::move(response.body), response.trailers);
    if (!receiving_) FlushHttp2();
  }
  if (!receiving_) UpdateDeadline();
}

void HttpConnection::AnswerHttp1(Pending& pending, HttpResponse response) {
  Headers headers;
  bool keep_alive = pending.keep_alive && !draining_;
  for (auto& header : response.headers) {
    if (header.first == "connection" && ListHasToken(header.second, "close")) keep_alive = false;
    if (!IsOurs(header.first)) headers.push_back(std::move(header));
  }
  headers.emplace_back("date", shared_.Date());
  if (!HasNoBody(response.status)) {
    headers.emplace_back("content-length", std::to_string(response.body.size()));
  }
  if (response.status == 503 && FindHeader(headers, "retry-after").empty()) {
    headers.emplace_back("retry-after", "1");
  }
  if (!keep_alive) headers.emplace_back("connection", "close");
  if (keep_alive && pending.minor == 0) headers.emplace_back("connection", "keep-alive");
  std::string head = Http1Head(response.status, headers);
  if (pending.head_only || HasNoBody(response.status)) response.body.clear();
  if (response.body.size() <= kOneWriteBytesMax) {
    stream_->Write(head.append(response.body));
  } else {
    stream_->Write(std::move(head));
    stream_->Write(std::move(response.body));
  }
  const std::size_t left = stream_->pending_bytes();
  if (left != 0) socket_deadline_ms_ = WriteDeadline(left);
  if (!keep_alive) CloseSoon();
}

void HttpConnection::CloseSoon() {
  closing_ = true;
  SetUnfinishedBytes(0);
  stream_->CloseAfterWrites();
}

void HttpConnection::ReceiveHttp2(std::string_view bytes) {
  if (http2_ == nullptr) {
    H2Options options;
    options.header_bytes_max = shared_.limits.header_bytes_max;
    options.body_bytes_max = shared_.limits.body_bytes_max;
    options.unfinished_bytes_max = std::numeric_limits<std::size_t>::max();  // OnBytes has it.
    options.streams_max = shared_.limits.streams_max;
    H2Handler& handler = *this;
    http2_ = std::make_unique<H2Session>(options, handler);
  }
  const Status received = http2_->Receive(bytes);
  SetUnfinishedBytes(http2_->unfinished_bytes());
  if (!received.has_value()) {
    shared_.metrics->bad_requests.Add();
    FlushHttp2();
    if (!closing_) CloseSoon();
  } else if (!receiving_) {
    FlushHttp2();
  }
}

bool HttpConnection::OnBytes(std::size_t size) {
  const std::size_t grown = http2_->unfinished_bytes() + size;
  if (grown <= unfinished_bytes_ || shared_.BodiesFit(grown - unfinished_bytes_)) return true;
  shared_.metrics->busy.Add();
  return false;
}

void HttpConnection::OnRequest(H2Request from) {
  HttpRequest request;
  request.method = std::move(from.method);
  request.headers = std::move(from.headers);
  request.body = std::move(from.body);
  Dispatch(from.id, std::move(request), from.target, Pending());
}

void HttpConnection::OnStreamClosed(std::int32_t id) {
  const auto at = pending_.find(id);
  if (at == pending_.end()) return;
  if (at->second.write_deadline_ms == 0) {
    shared_.metrics->cancelled.Add();
    at->second.cancelled->store(true, std::memory_order_relaxed);
  }
  pending_.erase(at);
}

void HttpConnection::FlushHttp2() {
  while (!closing_ && !OutputIsFull()) {
    std::string out = http2_->TakeOutput(kOutputStepBytes);
    if (out.empty()) break;
    const bool was_clear = stream_->pending_bytes() == 0;
    stream_->Write(std::move(out));
    const std::size_t left = stream_->pending_bytes();
    if (left != 0 && was_clear) socket_deadline_ms_ = WriteDeadline(left);
  }
  if (!closing_ && http2_->done()) CloseSoon();
}

void HttpConnection::OnDrained(Stream&) {
  socket_deadline_ms_ = 0;
  if (http2_ != nullptr) FlushHttp2();
  if (http1_.has_value()) GoOnHttp1();
  UpdateDeadline();
}

void HttpConnection::Drain() {
  draining_ = true;
  if (closing_) return;
  if (http2_ != nullptr) {
    http2_->GoAway();
    FlushHttp2();
  } else if (pending_.empty() && CurrentWait() == Wait::kIdle) {
    CloseSoon();
  }
  UpdateDeadline();
}

void HttpConnection::SetUnfinishedBytes(std::size_t bytes) {
  shared_.metrics->bodies_bytes.Add(static_cast<double>(bytes) -
                                    static_cast<double>(unfinished_bytes_));
  unfinished_bytes_ = bytes;
}

void HttpConnection::OnClose(Stream&, const Error& why) {
  if (!opened_) OPS_LOG_EVERY(60, kInfo, "http: {}", why.message);
  if (!closing_) {
    for (const auto& entry : pending_) {
      if (entry.second.write_deadline_ms == 0) shared_.metrics->cancelled.Add();
    }
  }
  Over();
}

void HttpConnection::Over() {
  shared_.on_over(this);
}

}  // namespace opssight
