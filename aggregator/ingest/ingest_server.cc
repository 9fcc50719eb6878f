#include "aggregator/ingest/ingest_server.h"

#include <utility>

#include "common/base/mutex.h"

namespace opssight {
namespace {

constexpr std::int64_t kTickMs = 1'000;

}  // namespace

// One connection. Owned by clients_, and goes with its stream.
class IngestServer::Client final : public StreamHandler, public SessionLink {
 public:
  Client(IngestServer& server, std::uint64_t id, std::unique_ptr<Stream> stream)
      : server_(server), id_(id), stream_(std::move(stream)) {}

  std::uint64_t id() const { return id_; }
  Stream& stream() { return *stream_; }

  // As a stream's handler; each may destroy *this.
  void OnOpen(Stream& /*stream*/) override { server_.Opened(*this); }
  void OnData(Stream& /*stream*/, std::string_view bytes) override { server_.Data(*this, bytes); }
  void OnClose(Stream& /*stream*/, const Error& why) override { server_.Closed(*this, why); }

  // As a session's connection.
  void Write(std::string bytes) override { stream_->Write(std::move(bytes)); }
  void Pause() override { stream_->Pause(); }
  void Resume() override { stream_->Resume(); }
  void CloseAfterWrites() override { stream_->CloseAfterWrites(); }

 private:
  IngestServer& server_;
  const std::uint64_t id_;
  const std::unique_ptr<Stream> stream_;
};

// Brings the store's answers to the loop, many with one wake-up.
class IngestServer::Completions : public std::enable_shared_from_this<Completions> {
 public:
  Completions(Loop& loop, IngestServer& server) : loop_(loop), server_(&server) {}

  void Add(Completion completion) OPS_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    waiting_.push_back(std::move(completion));
    if (waiting_.size() == 1) loop_.Post([self = shared_from_this()] { self->Deliver(); });
  }

  void Detach() OPS_EXCLUDES(mutex_) {
    loop_.AssertHere();
    server_ = nullptr;
  }

 private:
  void Deliver() OPS_EXCLUDES(mutex_) {
    loop_.AssertHere();
    std::vector<Completion> taken;
    {
      const MutexLock lock(mutex_);
      taken.swap(waiting_);
    }
    if (server_ != nullptr) server_->Complete(std::move(taken));
  }

  Loop& loop_;
  IngestServer* server_ OPS_GUARDED_BY(loop_);
  Mutex mutex_;
  std::vector<Completion> waiting_ OPS_GUARDED_BY(mutex_);
};

Result<std::unique_ptr<IngestServer>> IngestServer::Open(Loop& loop, IngestServerOptions options,
                                                         std::shared_ptr<TlsContext> tls,
                                                         Parts parts) {
  loop.AssertHere();
  std::unique_ptr<IngestServer> server(new IngestServer(loop, std::move(options), parts));
  server->loop_.AssertHere();
  OPS_RETURN_IF_ERROR(server->Listen(std::move(tls)));
  server->tick_.Start(kTickMs, kTickMs, [at = server.get()] {
    at->loop_.AssertHere();
    at->table_.Tick(at->loop_.now_ms());
  });
  return server;
}

IngestServer::IngestServer(Loop& loop, IngestServerOptions options, const Parts& parts)
    : loop_(loop),
      options_(std::move(options)),
      parts_(parts),
      layouts_(options_.layout_bytes_max),
      completions_(std::make_shared<Completions>(loop, *this)),
      table_(options_.session,
             {.acceptor = parts.acceptor,
              .authority = parts.authority,
              .layouts = layouts_,
              .stats = parts.stats,
              .clock = parts.clock,
              .post = [to = completions_](Completion c) { to->Add(std::move(c)); },
              .on_end = parts.on_end,
              .on_targets = parts.on_targets}),
      tick_(loop) {}

IngestServer::~IngestServer() {
  loop_.AssertHere();
  completions_->Detach();
  tick_.Stop();
  listener_.reset();
  clients_.clear();
}

Status IngestServer::Listen(std::shared_ptr<TlsContext> tls) {
  OPS_TRY(listener_, Listener::Open(loop_, options_.listen, std::move(tls), options_.listener,
                                    [this](std::unique_ptr<Stream> stream) {
                                      return Accept(std::move(stream));
                                    }));
  port_ = listener_->port();
  options_.listen.port = port_;  // The same one again after ReplaceTls.
  return {};
}

Status IngestServer::ReplaceTls(std::shared_ptr<TlsContext> tls) {
  loop_.AssertHere();
  listener_.reset();
  return Listen(std::move(tls));
}

void IngestServer::Stop(const std::string& message) {
  loop_.AssertHere();
  listener_.reset();
  table_.EndAll(message);
}

std::size_t IngestServer::connections() const {
  loop_.AssertHere();
  return clients_.size();
}

StreamHandler* IngestServer::Accept(std::unique_ptr<Stream> stream) {
  loop_.AssertHere();
  const std::uint64_t id = ++last_id_;
  auto client = std::make_unique<Client>(*this, id, std::move(stream));
  return clients_.emplace(id, std::move(client)).first->second.get();
}

void IngestServer::Opened(Client& client) {
  loop_.AssertHere();
  const Stream& stream = client.stream();
  table_.Open(client.id(),
              JudgePeer(stream.peer(), stream.peer_certificate(), stream.peer_verify_error(),
                        parts_.clock.WallMs() / kMsPerSecond),
              client, loop_.now_ms());
}

void IngestServer::Data(Client& client, std::string_view bytes) {
  loop_.AssertHere();
  table_.Bytes(client.id(), bytes, loop_.now_ms());
  if (client.stream().pending_bytes() > options_.unread_bytes_max) {
    Drop(client, "the agent does not read its answers");
  }
}

void IngestServer::Closed(Client& client, const Error& why) {
  loop_.AssertHere();
  Drop(client, why.message);
}

void IngestServer::Drop(Client& client, const std::string& why) {
  const std::uint64_t id = client.id();
  table_.Closed(id, why, loop_.now_ms());
  clients_.erase(id);
}

void IngestServer::Complete(std::vector<Completion> completions) {
  loop_.AssertHere();
  table_.Complete(std::move(completions), loop_.now_ms());
}

}  // namespace opssight
