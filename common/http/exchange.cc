#include "common/http/exchange.h"

#include <utility>

#include "common/base/log.h"
#include "common/bytes/zstd.h"
#include "common/codec/http/content.h"
#include "common/http/connection.h"

namespace opssight {
namespace {

constexpr std::size_t kCompressBytesMin = 1UL << 10;
constexpr std::size_t kCompressOnLoopBytesMax = 64UL << 10;

// zstd where both are accepted: it costs a third of gzip's time.
std::string_view AnswerCoding(std::string_view accept_encoding) {
  for (const std::string_view coding : {"zstd", "gzip"}) {
    if (ListHasToken(accept_encoding, coding)) return coding;
  }
  return {};
}

bool IsText(std::string_view content_type) {
  const std::string lower = AsciiLower(content_type.substr(0, 128));
  for (const char* part : {"text/", "json", "javascript", "xml", "yaml"}) {
    if (lower.find(part) != std::string::npos) return true;
  }
  return false;
}

void Compress(std::string_view coding, HttpResponse& response) {
  if (response.body.size() <= kCompressBytesMin || !response.trailers.empty() ||
      !IsText(FindHeader(response.headers, "content-type")) ||
      !FindHeader(response.headers, "content-encoding").empty()) {
    return;
  }
  response.body = coding == "zstd" ? ZstdCompress(response.body) : GzipEncode(response.body);
  response.headers.emplace_back("content-encoding", std::string(coding));
  response.headers.emplace_back("vary", "accept-encoding");
}

}  // namespace

HttpResponse TextResponse(int status, std::string_view text) {
  HttpResponse response;
  response.status = status;
  response.headers.emplace_back("content-type", "text/plain; charset=utf-8");
  response.headers.emplace_back("x-content-type-options", "nosniff");
  response.body = std::string(text) + "\n";
  return response;
}

void HttpLink::Cut() {
  MutexLock lock(mutex_);
  loop_ = nullptr;
  connection_ = nullptr;
}

bool HttpLink::OnLoop() {
  MutexLock lock(mutex_);
  return loop_ != nullptr && loop_->IsHere();
}

void HttpLink::Deliver(const std::shared_ptr<HttpLink>& link, std::int64_t id,
                       HttpResponse response) {
  {
    MutexLock lock(link->mutex_);
    if (link->loop_ == nullptr) return;
    if (!link->loop_->IsHere()) {
      link->loop_->Post([link, id, response = std::move(response)]() mutable {
        if (link->connection_ != nullptr) link->connection_->Answer(id, std::move(response));
      });
      return;
    }
  }
  link->connection_->Answer(id, std::move(response));
}

Exchange::Exchange(std::shared_ptr<HttpLink> link, std::shared_ptr<HttpMetrics> metrics,
                   std::int64_t id, std::size_t body_bytes, std::string_view accept_encoding)
    : link_(std::move(link)),
      metrics_(std::move(metrics)),
      id_(id),
      body_bytes_(body_bytes),
      coding_(AnswerCoding(accept_encoding)) {
  metrics_->requests_in_flight.Add(1);
  metrics_->bodies_bytes.Add(static_cast<double>(body_bytes_));
}

Exchange::~Exchange() {
  if (!sent_.load() && !cancelled()) {
    metrics_->unanswered.Add();
    OPS_LOG_EVERY(10, kError, "http: a handler dropped a request; answered with 500");
    Send(TextResponse(500, "the request was dropped inside the server"));
  }
  metrics_->requests_in_flight.Add(-1);
  metrics_->bodies_bytes.Add(-static_cast<double>(body_bytes_));
}

void Exchange::Recount(std::size_t body_bytes) {
  metrics_->bodies_bytes.Add(static_cast<double>(body_bytes) - static_cast<double>(body_bytes_));
  body_bytes_ = body_bytes;
}

void Exchange::Send(HttpResponse response) {
  if (sent_.exchange(true)) {
    OPS_LOG_EVERY(10, kError, "http: a handler answered a request twice; dropped the second");
    return;
  }
  if (!coding_.empty() && (response.body.size() <= kCompressOnLoopBytesMax || !link_->OnLoop())) {
    Compress(coding_, response);
  }
  HttpLink::Deliver(link_, id_, std::move(response));
}

}  // namespace opssight
