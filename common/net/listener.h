// Listener accepts connections on one address and hands each over, plain or TLS.
//
//   auto listener = Listener::Open(loop, {"", 9095}, tls, {}, [&](auto stream) {
//     return sessions.Add(std::move(stream));   // the handler, or null to refuse
//   });
//
// On the loop's thread, the destruction too; streams handed over live on without
// it. Out of file descriptors: it leaves new connections in the kernel's queue and
// tries again every 100 ms.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "common/base/result.h"
#include "common/net/stream.h"
#include "common/net/timer.h"
#include "common/selfmon/metrics.h"

namespace opssight {

struct ListenerMetrics {
  Counter accepted;
  Counter refused;             // At connections_max.
  Counter accept_errors;       // EMFILE and the like; then a pause.
  Counter handshake_failures;  // Without the next.
  Counter handshake_timeouts;
  Gauge open;  // Connections now.
};

class Listener {
 public:
  // Gets each connection before its handshake and returns the handler to use. Null:
  // it is closed.
  using OnStream = std::function<StreamHandler*(std::unique_ptr<Stream>)>;
  struct Options {
    std::size_t connections_max = 4096;  // More are closed at once and counted.
    std::int64_t handshake_timeout_ms = 10'000;
    int backlog = 1024;
    bool reuse_port = false;  // Several loops, or processes, share the port.
    StreamOptions stream;
  };

  // address.host: an address, "" for all of this host (IPv6 and IPv4), or a name
  // that the hosts file knows. kIo when the port is taken, with the address.
  static Result<std::unique_ptr<Listener>> Open(Loop& loop, const Address& address,
                                                std::shared_ptr<TlsContext> tls, Options options,
                                                OnStream on_stream);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  std::uint16_t port() const { return port_; }  // The real one where 0 was asked.
  // Lives on with the last connection.
  std::shared_ptr<const ListenerMetrics> metrics() const { return metrics_; }

 private:
  struct Poll;
  Listener(Loop& loop, int fd, std::shared_ptr<TlsContext> tls, Options options,
           OnStream on_stream);
  void Watch();
  void AcceptSome();
  void HandOver(int fd);
  void BackOff(int error_number);

  Loop& loop_;
  const int fd_;
  const std::shared_ptr<TlsContext> tls_;
  const Options options_;
  const OnStream on_stream_;
  const std::shared_ptr<ListenerMetrics> metrics_ = std::make_shared<ListenerMetrics>();
  std::uint16_t port_ = 0;
  std::shared_ptr<Listener*> alive_;  // Null inside once destroyed: on_stream_ may do that.
  Poll* poll_ = nullptr;              // Deletes itself once libuv has let go.
  Timer back_off_;
};

}  // namespace opssight
