#include "common/net/listener.h"

#include <cerrno>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/net/connection.h"

namespace opssight {
namespace {

constexpr int kAcceptsPerTurn = 64;  // Then the other sockets of the loop have theirs.
constexpr std::int64_t kBackOffMs = 100;

struct CloseFd {
  int fd;
  explicit CloseFd(int number) : fd(number) {}
  ~CloseFd() {
    if (fd >= 0) close(fd);
  }
  CloseFd(const CloseFd&) = delete;
  CloseFd& operator=(const CloseFd&) = delete;
};

struct FreeInfo {
  void operator()(addrinfo* info) const { freeaddrinfo(info); }
};

void SetOn(int fd, int level, int name, int value) {
  (void)setsockopt(fd, level, name, &value, sizeof(value));
}

// A listening socket, or -errno.
int BindAndListen(const addrinfo& at, const Listener::Options& options) {
  CloseFd socket_fd(socket(at.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket_fd.fd < 0) return -errno;
  SetOn(socket_fd.fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (options.reuse_port) SetOn(socket_fd.fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (at.ai_family == AF_INET6) SetOn(socket_fd.fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (bind(socket_fd.fd, at.ai_addr, at.ai_addrlen) != 0) return -errno;
  if (listen(socket_fd.fd, options.backlog) != 0) return -errno;
  return std::exchange(socket_fd.fd, -1);
}

Result<int> OpenSocket(const Address& address, const std::string& host,
                       const Listener::Options& options) {
  const std::string doing = fmt::format("listen on {}", address.ToString());
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int found = getaddrinfo(host.c_str(), std::to_string(address.port).c_str(), &hints, &list);
  if (found != 0) return Invalid(fmt::format("{}: {}", doing, gai_strerror(found)));
  const std::unique_ptr<addrinfo, FreeInfo> owned(list);
  const int fd = BindAndListen(*list, options);
  if (fd >= 0) return fd;
  if (host == "::" && address.host.empty() && (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL)) {
    return OpenSocket(address, "0.0.0.0", options);  // A host without IPv6.
  }
  return IoError(doing, -fd);
}

}  // namespace

struct Listener::Poll {
  uv_poll_t handle{};
  int fd = -1;
};

Result<std::unique_ptr<Listener>> Listener::Open(Loop& loop, const Address& address,
                                                 std::shared_ptr<TlsContext> tls, Options options,
                                                 OnStream on_stream) {
  loop.AssertHere();
  if (tls != nullptr && !tls->options().server) {
    return Invalid(fmt::format("listen on {}: the TLS context is a client's", address.ToString()));
  }
  OPS_TRY(const int fd, OpenSocket(address, address.host.empty() ? "::" : address.host, options));
  return std::unique_ptr<Listener>(
      new Listener(loop, fd, std::move(tls), options, std::move(on_stream)));
}

Listener::Listener(Loop& loop, int fd, std::shared_ptr<TlsContext> tls, Options options,
                   OnStream on_stream)
    : loop_(loop),
      fd_(fd),
      tls_(std::move(tls)),
      options_(options),
      on_stream_(std::move(on_stream)),
      alive_(std::make_shared<Listener*>(this)),
      back_off_(loop) {
  loop_.AssertHere();
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  OPS_CHECK(getsockname(fd_, reinterpret_cast<sockaddr*>(&storage), &size) == 0, "getsockname");
  port_ = ntohs(storage.ss_family == AF_INET6
                    ? reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port
                    : reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
  poll_ = new Poll;
  poll_->fd = fd_;
  const int made = uv_poll_init(loop_.handle(), &poll_->handle, fd_);
  OPS_CHECK(made == 0, "listener: {}", uv_strerror(made));
  poll_->handle.data = this;
  Watch();
}

Listener::~Listener() {
  loop_.AssertHere();
  *alive_ = nullptr;
  poll_->handle.data = poll_;
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_->handle), [](uv_handle_t* handle) {
    const std::unique_ptr<Poll> closed(static_cast<Poll*>(handle->data));
    close(closed->fd);
  });
}

void Listener::Watch() {
  loop_.AssertHere();
  uv_poll_start(&poll_->handle, UV_READABLE, [](uv_poll_t* poll, int, int) {
    static_cast<Listener*>(poll->data)->AcceptSome();
  });
}

void Listener::AcceptSome() {
  const std::shared_ptr<Listener*> alive = alive_;
  for (int i = 0; i < kAcceptsPerTurn && *alive != nullptr; ++i) {
    const int fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      HandOver(fd);
      continue;
    }
    // Linux gives errors of the new connection here too (accept(2)): next, please.
    switch (errno) {
      case EAGAIN:
        return;
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        return BackOff(errno);
      default:
        break;
    }
  }
}

void Listener::BackOff(int error_number) {
  loop_.AssertHere();
  metrics_->accept_errors.Add();
  OPS_LOG_EVERY(10, kWarn, "listener: port {}: {}; accepting again in {} ms", port_,
                IoError("accept", error_number).message, kBackOffMs);
  uv_poll_stop(&poll_->handle);
  back_off_.Start(kBackOffMs, 0, [this] { Watch(); });
}

void Listener::HandOver(int fd) {
  if (metrics_->open.value() >= static_cast<double>(options_.connections_max)) {
    metrics_->refused.Add();
    OPS_LOG_EVERY(10, kWarn, "listener: port {}: {} connections are open, the limit; refused one",
                  port_, options_.connections_max);
    close(fd);
    return;
  }
  const auto connection = std::make_shared<Connection>(loop_, tls_, options_.stream);
  if (!connection->Adopt(fd).has_value()) {
    metrics_->accept_errors.Add();
    return;
  }
  metrics_->accepted.Add();
  metrics_->open.Add(1);
  connection->set_slot(
      std::shared_ptr<void>(nullptr, [metrics = metrics_](void*) { metrics->open.Add(-1); }));
  connection->set_on_handshake_failed([metrics = metrics_](bool timeout) {
    (timeout ? metrics->handshake_timeouts : metrics->handshake_failures).Add();
  });
  const std::int64_t handshake_timeout_ms = options_.handshake_timeout_ms;
  StreamHandler* handler = on_stream_(connection->MakeStream());
  if (handler == nullptr) return connection->Close();
  connection->set_handler(handler);
  connection->Start(handshake_timeout_ms);
}

}  // namespace opssight
