// Exchange is the Responder of HttpServer: one request on its way through the
// handler. Any thread; finds its connection through a Link that both share.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "common/base/mutex.h"
#include "common/http/responder.h"
#include "common/http/server.h"

namespace opssight {

class HttpConnection;

// From exchanges to their connection, which cuts it when it ends.
class HttpLink {
 public:
  HttpLink(Loop& loop, HttpConnection& connection) : loop_(&loop), connection_(&connection) {}
  void Cut();
  // Calls connection.Answer on the loop: at once if that is here. Drops it if cut.
  static void Deliver(const std::shared_ptr<HttpLink>& link, std::int64_t id,
                      HttpResponse response);
  bool OnLoop();

 private:
  Mutex mutex_;
  Loop* loop_ OPS_GUARDED_BY(mutex_);
  HttpConnection* connection_;  // Of the loop's thread.
};

class Exchange final : public Responder {
 public:
  // body_bytes are counted in metrics until it is destroyed.
  Exchange(std::shared_ptr<HttpLink> link, std::shared_ptr<HttpMetrics> metrics, std::int64_t id,
           std::size_t body_bytes, std::string_view accept_encoding);
  ~Exchange() override;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  void Send(HttpResponse response) override;
  bool cancelled() const override { return cancelled_->load(std::memory_order_relaxed); }
  // Set by the connection.
  std::shared_ptr<std::atomic<bool>> cancel_flag() const { return cancelled_; }
  // Counts bytes more or less of the body, once decoded.
  void Recount(std::size_t body_bytes);

 private:
  const std::shared_ptr<HttpLink> link_;
  const std::shared_ptr<HttpMetrics> metrics_;
  const std::int64_t id_;
  std::size_t body_bytes_;
  const std::string_view coding_;  // Of the answer, a literal; "": none.
  const std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
  std::atomic<bool> sent_{false};
};

}  // namespace opssight
