// IngestServer is the agents' listener: SessionTable on a loop, with sockets and TLS.
//
//   loop.RunSync([&] { server = *IngestServer::Open(loop, options, tls, parts); });
//   …
//   loop.RunSync([&] { server->Stop("restart"); server.reset(); });
//
// tls must ask for client certificates without requiring them (ClientCertificate::
// kRequest): who has none may enrol, and who is refused is told why.
//
// All calls on the loop's thread. The acceptor's done calls may come on any thread,
// also after the server is gone, but not after the loop is. One loop is enough for
// 1,000 agents of 500 series each 10 s; how much waits for the store is bounded
// (SessionOptions), then reading stops and the agents keep it in their spools.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "aggregator/ingest/session_table.h"
#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/net/listener.h"
#include "common/net/loop.h"
#include "common/net/timer.h"

namespace opssight {

struct IngestServerOptions {
  Address listen{"", 9095};
  SessionOptions session;
  Listener::Options listener;
  std::size_t layout_bytes_max = 64UL << 20;  // See LayoutRegistry.
  // Answers that a peer does not read; above, it is cut off.
  std::size_t unread_bytes_max = 4UL << 20;
};

class IngestServer {
 public:
  struct Parts {
    BatchAcceptor& acceptor;
    EnrolAuthority& authority;
    const Clock& clock;
    IngestStats& stats;
    std::function<void(const SessionEnd&)> on_end;  // May be empty.
    TargetsTold on_targets = {};                    // May be empty. On the loop.
  };

  static Result<std::unique_ptr<IngestServer>> Open(Loop& loop, IngestServerOptions options,
                                                    std::shared_ptr<TlsContext> tls, Parts parts);
  ~IngestServer();
  IngestServer(const IngestServer&) = delete;
  IngestServer& operator=(const IngestServer&) = delete;

  // For connections from now on. Between the two listeners, connections are refused
  // for a moment. On an error there is none: call again.
  Status ReplaceTls(std::shared_ptr<TlsContext> tls);
  // No more connections; Bye to all. What was handed to the store stays there, its
  // acknowledgement comes with the next connection. The Byes go out while the loop
  // runs on: destroy it once connections() is 0, or after a second or two.
  void Stop(const std::string& message);

  std::uint16_t port() const { return port_; }
  std::size_t connections() const;
  LayoutRegistry::Size layouts() const { return layouts_.size(); }

 private:
  class Client;
  class Completions;

  IngestServer(Loop& loop, IngestServerOptions options, const Parts& parts);
  Status Listen(std::shared_ptr<TlsContext> tls) OPS_REQUIRES(loop_);
  StreamHandler* Accept(std::unique_ptr<Stream> stream);
  void Opened(Client& client);
  void Data(Client& client, std::string_view bytes);
  void Closed(Client& client, const Error& why);
  void Drop(Client& client, const std::string& why) OPS_REQUIRES(loop_);
  void Complete(std::vector<Completion> completions);

  Loop& loop_;
  IngestServerOptions options_;
  const Parts parts_;
  LayoutRegistry layouts_;
  const std::shared_ptr<Completions> completions_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Client>> clients_ OPS_GUARDED_BY(loop_);
  std::uint64_t last_id_ OPS_GUARDED_BY(loop_) = 0;
  SessionTable table_ OPS_GUARDED_BY(loop_);
  std::unique_ptr<Listener> listener_ OPS_GUARDED_BY(loop_);
  Timer tick_;
  std::uint16_t port_ = 0;
};

}  // namespace opssight
