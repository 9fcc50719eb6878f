#include "common/http/server.h"

#include <limits>
#include <unordered_map>
#include <utility>

#include <fmt/core.h>

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/http/connection.h"

namespace opssight {
namespace {

class Server final : public HttpServer {
 public:
  Server(Loop& loop, HttpLimits limits, Handler handler, const Clock& clock)
      : shared_{loop, limits, std::make_shared<const Handler>(std::move(handler)), clock},
        stop_timer_(loop) {
    shared_.on_over = [this](HttpConnection* connection) { Remove(connection); };
  }
  ~Server() override {
    shared_.loop.AssertHere();
    listeners_.clear();
    connections_.clear();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Status Listen(const Port& port) override;
  std::uint16_t port(std::size_t i) const override {
    OPS_CHECK(i < listeners_.size(), "http: port {} of {}", i, listeners_.size());
    return listeners_[i]->port();
  }
  std::shared_ptr<const ListenerMetrics> port_metrics(std::size_t i) const override {
    OPS_CHECK(i < listeners_.size(), "http: port {} of {}", i, listeners_.size());
    return listeners_[i]->metrics();
  }
  void Stop(std::int64_t deadline_ms, std::function<void()> done) override;
  std::shared_ptr<const HttpMetrics> metrics() const override { return shared_.metrics; }

 private:
  StreamHandler* Accept(std::unique_ptr<Stream> stream);
  void Remove(HttpConnection* connection);
  void FinishStop();

  HttpShared shared_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unordered_map<HttpConnection*, std::unique_ptr<HttpConnection>> connections_;
  Timer stop_timer_;
  std::function<void()> stopped_;
};

Status Server::Listen(const Port& port) {
  Listener::Options options;
  options.connections_max = std::numeric_limits<std::size_t>::max();  // Accept() has it.
  options.handshake_timeout_ms = shared_.limits.handshake_timeout_ms;
  options.reuse_port = port.reuse_port;
  OPS_TRY(auto listener, Listener::Open(shared_.loop, port.address, port.tls, options,
                                        [this](auto stream) { return Accept(std::move(stream)); }));
  listeners_.push_back(std::move(listener));
  return {};
}

StreamHandler* Server::Accept(std::unique_ptr<Stream> stream) {
  if (connections_.size() >= shared_.limits.connections_max) {
    shared_.metrics->refused_connections.Add();
    OPS_LOG_EVERY(10, kWarn, "http: {} connections are open, the limit; refused {}",
                  connections_.size(), stream->peer());
    return nullptr;
  }
  auto connection = std::make_unique<HttpConnection>(shared_, std::move(stream));
  HttpConnection* handler = connection.get();
  connections_.emplace(handler, std::move(connection));
  return handler;
}

void Server::Remove(HttpConnection* connection) {
  connections_.erase(connection);
  if (connections_.empty() && stopped_ != nullptr) FinishStop();
}

void Server::Stop(std::int64_t deadline_ms, std::function<void()> done) {
  shared_.loop.AssertHere();
  listeners_.clear();
  stopped_ = std::move(done);
  for (const auto& entry : connections_) entry.second->Drain();
  stop_timer_.Start(connections_.empty() ? 0 : deadline_ms, 0, [this] {
    if (!connections_.empty()) {
      OPS_LOG(kWarn, "http: {} connections still open at the deadline of stopping; closed",
              connections_.size());
    }
    connections_.clear();
    FinishStop();
  });
}

// From a turn of its own: done() may destroy this, with what called us.
void Server::FinishStop() {
  stop_timer_.Start(0, 0, [done = std::exchange(stopped_, nullptr)] {
    if (done != nullptr) done();
  });
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Open(Loop& loop, const std::vector<Port>& ports,
                                                     HttpLimits limits, Handler handler,
                                                     const Clock& clock) {
  loop.AssertHere();
  auto server = std::make_unique<Server>(loop, limits, std::move(handler), clock);
  for (const Port& port : ports) OPS_RETURN_IF_ERROR(server->Listen(port));
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace opssight
