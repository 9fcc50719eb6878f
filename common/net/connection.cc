#include "common/net/connection.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/core.h>

#include "common/base/check.h"

namespace opssight {
namespace {

// The owner's end: gone means closed.
class OwnedStream final : public Stream {
 public:
  explicit OwnedStream(std::shared_ptr<Connection> connection)
      : connection_(std::move(connection)) {}
  ~OwnedStream() override { connection_->Close(); }
  OwnedStream(const OwnedStream&) = delete;
  OwnedStream& operator=(const OwnedStream&) = delete;

  void Write(std::string bytes) override { connection_->Write(std::move(bytes)); }
  std::size_t pending_bytes() const override { return connection_->pending_bytes(); }
  void Pause() override { connection_->Pause(); }
  void Resume() override { connection_->Resume(); }
  void CloseAfterWrites() override { connection_->CloseAfterWrites(); }
  void Close() override { connection_->Close(); }
  const std::string& peer() const override { return connection_->peer(); }
  bool tls() const override { return session() != nullptr; }
  std::string alpn() const override { return session() == nullptr ? "" : session()->alpn(); }
  bool resumed() const override { return session() != nullptr && session()->resumed(); }
  std::string peer_certificate() const override {
    return session() == nullptr ? "" : session()->peer_certificate();
  }
  std::string peer_verify_error() const override {
    return session() == nullptr ? "the connection is not TLS" : session()->peer_verify_error();
  }

 private:
  const TlsSession* session() const { return connection_->tls(); }

  const std::shared_ptr<Connection> connection_;
};

}  // namespace

Connection::Connection(Loop& loop, std::shared_ptr<TlsContext> tls, const StreamOptions& options)
    : loop_(loop), options_(options), context_(std::move(tls)), timer_(loop) {}

Connection::~Connection() = default;

std::unique_ptr<Stream> Connection::MakeStream() {
  auto stream = std::make_unique<OwnedStream>(shared_from_this());
  stream_ = stream.get();
  return stream;
}

// Callbacks take the connection along, so that it lives through them.
Socket::Events Connection::SocketEvents() {
  const std::weak_ptr<Connection> weak = weak_from_this();
  Socket::Events events;
  events.on_connect = [weak](int status) {
    if (const auto self = weak.lock()) self->OnConnected(status);
  };
  events.on_read = [weak](int status, std::string_view bytes) {
    if (const auto self = weak.lock()) self->OnRead(status, bytes);
  };
  events.on_written = [weak](int status) {
    if (const auto self = weak.lock()) self->OnWritten(status);
  };
  return events;
}

void Connection::StartTimer(std::int64_t ms) {
  timer_.Start(ms, 0, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->OnTimeout();
  });
}

std::string Connection::Doing() const {
  return fmt::format("{} {} {}", context_ == nullptr ? "TCP" : "TLS", connects_ ? "to" : "from",
                     peer_);
}

Status Connection::Adopt(int fd) {
  loop_.AssertHere();
  socket_ = std::make_unique<Socket>(loop_, SocketEvents());
  if (const int adopted = socket_->Adopt(fd); adopted != 0) {
    return Unavailable(fmt::format("accept: {}", uv_strerror(adopted)));
  }
  peer_ = socket_->peer();
  return {};
}

void Connection::Start(std::int64_t handshake_timeout_ms) {
  loop_.AssertHere();
  if (phase_ == Phase::kClosed) return;  // The owner let go of it at once.
  socket_->SetOptions(options_);
  if (context_ == nullptr) {
    Opened();
    if (phase_ != Phase::kClosed && !paused_) socket_->ReadStart();
    return;
  }
  phase_ = Phase::kHandshake;
  tls_ = std::make_unique<TlsSession>(context_, server_name_);
  StartTimer(handshake_timeout_ms);
  const Status started = tls_->Start();
  SendTlsOutput();
  if (!started.has_value()) return FailSoon(Error(started.error()));
  socket_->ReadStart();
}

void Connection::Opened() {
  phase_ = Phase::kOpen;
  timer_.Stop();
  handler_->OnOpen(*stream_);
  if (phase_ == Phase::kClosed) return;
  Send(std::exchange(before_open_, {}));
  if (phase_ == Phase::kClosing) return FinishWrites();
  if (close_when_open_) return CloseAfterWrites();
  if (paused_) socket_->ReadStop();
}

void Connection::OnRead(int status, std::string_view bytes) {
  if (phase_ == Phase::kClosed) return;
  if (status == 0) {
    if (tls_ != nullptr) return Pump(bytes);
    if (phase_ == Phase::kOpen) handler_->OnData(*stream_, bytes);
    return;
  }
  if (phase_ == Phase::kHandshake) {
    const std::string_view why =
        status == UV_EOF ? "the peer closed during the handshake" : uv_strerror(status);
    return HandshakeFailed(Unavailable(std::string(why)), false);
  }
  Fail(Unavailable(status == UV_EOF         ? "closed by the peer"
                   : status == UV_ETIMEDOUT ? "the peer no longer answers"
                                            : uv_strerror(status)));
}

// Feeds TLS with what came; Resume() with nothing, for what is left from before.
void Connection::Pump(std::string_view wire) {
  const auto deliver = [this](std::string_view plain) {
    if (phase_ == Phase::kOpen) handler_->OnData(*stream_, plain);
    return phase_ != Phase::kClosed && !paused_;
  };
  Status status = tls_->Feed(wire, deliver);
  if (phase_ == Phase::kClosed) return;
  SendTlsOutput();
  if (phase_ == Phase::kHandshake && status.has_value() && tls_->open()) {
    Opened();
    if (phase_ == Phase::kClosed || paused_) return;
    status = tls_->Feed({}, deliver);
    if (phase_ == Phase::kClosed) return;
    SendTlsOutput();
  }
  if (phase_ == Phase::kClosed) return;
  if (!status.has_value()) {
    if (phase_ == Phase::kHandshake) return HandshakeFailed(std::move(status).error(), false);
    return Fail(std::move(status).error());
  }
  if (tls_->peer_closed()) Fail(Unavailable("closed by the peer"));
}

void Connection::HandshakeFailed(Error why, bool timeout) {
  if (on_handshake_failed_ != nullptr) on_handshake_failed_(timeout);
  Fail(std::move(why));
}

void Connection::SendTlsOutput() {
  if (std::string wire = tls_->TakeOutput(); !wire.empty()) {
    if (const int status = socket_->Write(std::move(wire)); status != 0) {
      FailSoon(Unavailable(uv_strerror(status)));
    }
  }
}

void Connection::Write(std::string bytes) {
  loop_.AssertHere();
  if (phase_ == Phase::kConnecting || phase_ == Phase::kHandshake) {
    before_open_.append(bytes);
  } else if (phase_ == Phase::kOpen) {
    if (!before_open_.empty()) {  // Within OnOpen, behind what was written before it.
      before_open_.append(bytes);
    } else {
      Send(std::move(bytes));
    }
  }
}

void Connection::Send(std::string bytes) {
  if (bytes.empty()) return;
  if (tls_ == nullptr) {
    if (const int status = socket_->Write(std::move(bytes)); status != 0) {
      FailSoon(Unavailable(uv_strerror(status)));
    }
    return;
  }
  const Status written = tls_->Write(bytes);
  SendTlsOutput();
  if (!written.has_value()) FailSoon(Error(written.error()));
}

std::size_t Connection::pending_bytes() const {
  return before_open_.size() + (socket_ == nullptr ? 0 : socket_->pending_bytes());
}

void Connection::OnWritten(int status) {
  if (phase_ == Phase::kClosed) return;
  if (status != 0) return Fail(Unavailable(uv_strerror(status)));
  if (phase_ == Phase::kClosing) return FinishWrites();
  if (phase_ == Phase::kOpen) handler_->OnDrained(*stream_);
}

void Connection::Pause() {
  loop_.AssertHere();
  paused_ = true;
  // A handshake goes on: OnOpen may come, OnData not.
  if (phase_ == Phase::kOpen) socket_->ReadStop();
}

void Connection::Resume() {
  loop_.AssertHere();
  if (!std::exchange(paused_, false) || phase_ != Phase::kOpen) return;
  socket_->ReadStart();
  if (tls_ == nullptr) return;
  loop_.Post([weak = weak_from_this()] {  // No OnData from within Resume().
    const auto self = weak.lock();
    if (self != nullptr && self->phase_ == Phase::kOpen && !self->paused_) self->Pump({});
  });
}

void Connection::CloseAfterWrites() {
  loop_.AssertHere();
  if (phase_ == Phase::kClosed || phase_ == Phase::kClosing) return;
  if (phase_ != Phase::kOpen) {
    close_when_open_ = true;
    return;
  }
  phase_ = Phase::kClosing;
  paused_ = false;
  socket_->ReadStart();
  if (before_open_.empty()) FinishWrites();
}

// What the peer still sends is read and dropped: closing with it unread would make
// the kernel send RST, which can overtake the last answer.
void Connection::FinishWrites() {
  if (fin_sent_ || pending_bytes() != 0) return;
  fin_sent_ = true;
  if (tls_ != nullptr) {
    tls_->SendCloseNotify();
    SendTlsOutput();
  }
  socket_->ShutdownWrites();
  StartTimer(options_.linger_ms);
}

void Connection::OnTimeout() {
  if (phase_ == Phase::kClosed) return;
  if (phase_ == Phase::kHandshake) {
    return HandshakeFailed(Unavailable("time is up before the TLS handshake is done"), true);
  }
  if (phase_ == Phase::kClosing) return Fail(Unavailable("closed; the peer has not closed"));
  if (phase_ == Phase::kConnecting) ConnectTimedOut();
}

void Connection::Fail(Error why) {
  if (phase_ == Phase::kClosed) return;
  why = std::move(why).At(Doing());
  Release();
  if (StreamHandler* handler = std::exchange(handler_, nullptr); handler != nullptr) {
    handler->OnClose(*stream_, why);
  }
}

void Connection::FailSoon(Error why) {
  loop_.Post([weak = weak_from_this(), why = std::move(why)] {
    if (const auto self = weak.lock()) self->Fail(why);
  });
}

void Connection::Close() {
  loop_.AssertHere();
  handler_ = nullptr;
  if (phase_ == Phase::kOpen && tls_ != nullptr) {
    tls_->SendCloseNotify();  // If the kernel takes it at once, good.
    if (std::string wire = tls_->TakeOutput(); !wire.empty()) (void)socket_->Write(std::move(wire));
  }
  Release();
}

void Connection::Release() {
  phase_ = Phase::kClosed;
  timer_.Stop();
  EndLookup();
  socket_.reset();
  slot_.reset();
  before_open_.clear();
}

}  // namespace opssight
