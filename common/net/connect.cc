// How a Connection gets its socket: name to addresses, one after the other.
#include <algorithm>
#include <cstring>
#include <netdb.h>
#include <utility>

#include <fmt/core.h>

#include "common/net/connection.h"

namespace opssight {
namespace {

constexpr std::size_t kAddressesMax = 8;  // Of one name.

sockaddr_storage LiteralAddress(const Address& address) {
  sockaddr_storage storage{};
  if (uv_ip4_addr(address.host.c_str(), address.port, reinterpret_cast<sockaddr_in*>(&storage)) !=
      0) {
    uv_ip6_addr(address.host.c_str(), address.port, reinterpret_cast<sockaddr_in6*>(&storage));
  }
  return storage;
}

}  // namespace

struct Connection::Lookup {
  uv_getaddrinfo_t request{};
  Connection* connection = nullptr;  // Null once it no longer wants to know.
};

void Connection::StartConnect(const Address& address, const std::string& server_name) {
  loop_.AssertHere();
  connects_ = true;
  peer_ = address.ToString();
  server_name_ = server_name.empty() ? address.host : server_name;
  connect_deadline_ms_ = loop_.now_ms() + options_.connect_timeout_ms;
  StartTimer(options_.connect_timeout_ms);
  if (IsIpLiteral(address.host)) {  // Nothing to wait for, but no call from within this one.
    addresses_.push_back(LiteralAddress(address));
    loop_.Post([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self != nullptr && self->phase_ == Phase::kConnecting) self->TryNext();
    });
    return;
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  lookup_ = new Lookup;
  lookup_->connection = this;
  lookup_->request.data = lookup_;
  const int started = uv_getaddrinfo(
      loop_.handle(), &lookup_->request,
      [](uv_getaddrinfo_t* request, int status, addrinfo* found) {
        const std::unique_ptr<Lookup> lookup(static_cast<Lookup*>(request->data));
        if (lookup->connection != nullptr) {
          const auto self = lookup->connection->shared_from_this();
          self->lookup_ = nullptr;
          self->Resolved(status, found);
        }
        uv_freeaddrinfo(found);
      },
      address.host.c_str(), std::to_string(address.port).c_str(), &hints);
  if (started == 0) return;
  delete std::exchange(lookup_, nullptr);
  FailSoon(Unavailable(fmt::format("look up: {}", uv_strerror(started))));
}

void Connection::EndLookup() {
  if (lookup_ == nullptr) return;
  uv_cancel(reinterpret_cast<uv_req_t*>(&lookup_->request));  // If it has not begun.
  std::exchange(lookup_, nullptr)->connection = nullptr;
}

void Connection::Resolved(int status, const addrinfo* found) {
  if (status != 0) return Fail(Unavailable(fmt::format("look up: {}", uv_strerror(status))));
  for (; found != nullptr && addresses_.size() < kAddressesMax; found = found->ai_next) {
    sockaddr_storage address{};
    std::memcpy(&address, found->ai_addr,
                std::min<std::size_t>(found->ai_addrlen, sizeof(address)));
    addresses_.push_back(address);
  }
  std::reverse(addresses_.begin(), addresses_.end());
  connect_error_ = "the name has no address";
  TryNext();
}

void Connection::TryNext() {
  loop_.AssertHere();
  socket_.reset();
  if (addresses_.empty()) return Fail(Unavailable(std::exchange(connect_error_, {})));
  const std::int64_t left_ms = std::max<std::int64_t>(connect_deadline_ms_ - loop_.now_ms(), 0);
  StartTimer(left_ms / static_cast<std::int64_t>(addresses_.size()));
  const sockaddr_storage address = addresses_.back();
  addresses_.pop_back();
  socket_ = std::make_unique<Socket>(loop_, SocketEvents());
  const int started = socket_->Connect(reinterpret_cast<const sockaddr*>(&address));
  if (started != 0) OnConnected(started);
}

void Connection::OnConnected(int status) {
  loop_.AssertHere();
  if (phase_ == Phase::kClosed) return;
  if (status != 0) {
    connect_error_ = uv_strerror(status);
    return TryNext();
  }
  addresses_.clear();
  peer_ = socket_->peer();
  Start(std::max<std::int64_t>(connect_deadline_ms_ - loop_.now_ms(), 1));
}

void Connection::ConnectTimedOut() {
  connect_error_ = "time is up before it is connected";
  if (lookup_ != nullptr) connect_error_ = "time is up before the name is looked up";
  TryNext();  // Or says so, where there is none left.
}

std::unique_ptr<Stream> Connect(Loop& loop, const Address& address, std::shared_ptr<TlsContext> tls,
                                const std::string& server_name, StreamHandler& handler,
                                const StreamOptions& options) {
  const auto connection = std::make_shared<Connection>(loop, std::move(tls), options);
  std::unique_ptr<Stream> stream = connection->MakeStream();
  connection->set_handler(&handler);
  connection->StartConnect(address, server_name);
  return stream;
}

}  // namespace opssight
