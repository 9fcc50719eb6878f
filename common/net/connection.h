// Connection is what stands behind a Stream: socket, TLS, time limits and their
// order. Connect() and Listener make it; nobody else includes this. On the loop's
// thread. Shared, so that it survives a handler which destroys its stream.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include "common/net/socket.h"
#include "common/net/stream.h"
#include "common/net/timer.h"
#include "common/net/tls_session.h"

namespace opssight {

class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Loop& loop, std::shared_ptr<TlsContext> tls, const StreamOptions& options);
  ~Connection();

  // The owner's end of it. Once.
  std::unique_ptr<Stream> MakeStream();
  void set_handler(StreamHandler* handler) { handler_ = handler; }
  // Released when the connection is over: counts what is open.
  void set_slot(std::shared_ptr<void> slot) { slot_ = std::move(slot); }

  void StartConnect(const Address& address, const std::string& server_name);
  // A socket from accept(), which it takes over. Start() begins reading, or the handshake.
  Status Adopt(int fd);
  void Start(std::int64_t handshake_timeout_ms);

  void Write(std::string bytes);
  std::size_t pending_bytes() const;
  void Pause();
  void Resume();
  void CloseAfterWrites();
  void Close();
  const std::string& peer() const { return peer_; }
  const TlsSession* tls() const { return tls_.get(); }
  // Called when an accepted connection ends before it is open. For counters.
  void set_on_handshake_failed(std::function<void(bool timeout)> fn) {
    on_handshake_failed_ = std::move(fn);
  }

 private:
  enum class Phase : std::uint8_t { kConnecting, kHandshake, kOpen, kClosing, kClosed };
  struct Lookup;
  void Resolved(int status, const addrinfo* found);
  void TryNext();
  void ConnectTimedOut();
  void EndLookup();
  void OnConnected(int status);
  void OnRead(int status, std::string_view bytes);
  void OnWritten(int status);
  void OnTimeout();
  void StartTimer(std::int64_t ms);
  void Pump(std::string_view wire);
  void Opened();
  void SendTlsOutput();
  void Send(std::string bytes);
  void FinishWrites();
  // Ends and tells the handler; FailSoon does so outside of the owner's call.
  void Fail(Error why);
  void FailSoon(Error why);
  void HandshakeFailed(Error why, bool timeout);
  void Release();
  std::string Doing() const;
  Socket::Events SocketEvents();

  Loop& loop_;
  const StreamOptions options_;
  const std::shared_ptr<TlsContext> context_;
  StreamHandler* handler_ = nullptr;  // Null: nobody is to be called any more.
  Stream* stream_ = nullptr;
  Phase phase_ = Phase::kConnecting;
  bool connects_ = false;  // We called, or were called.
  bool paused_ = false;
  bool close_when_open_ = false;
  bool fin_sent_ = false;
  std::string peer_;
  std::string server_name_;
  std::unique_ptr<Socket> socket_;
  std::unique_ptr<TlsSession> tls_;
  Timer timer_;
  std::string before_open_;  // Written before there is a way to send it.
  std::shared_ptr<void> slot_;
  std::function<void(bool)> on_handshake_failed_;

  // While connecting.
  Lookup* lookup_ = nullptr;
  std::vector<sockaddr_storage> addresses_;  // Still to be tried, last first.
  std::int64_t connect_deadline_ms_ = 0;     // Of Loop::now_ms().
  std::string connect_error_;
};

}  // namespace opssight
