// Shipper keeps the agent connected to its aggregator: AgentSession on a loop, with a
// socket and TLS. Away is normal: batches wait in the spool, and it comes again after
// 0.5 s, then later and later with jitter, at most each minute; after a restart of
// the aggregator (a clean Bye) at once.
//
//   Shipper shipper(loop, options, tls, spool, stats, Random(seed), hooks);
//   loop.RunSync([&] { shipper.Start(); });
//   …                            // when the spool grew: shipper.OnSpooled()
//   loop.RunSync([&] { shipper.Stop(); });
//
// All calls on the loop's thread, the destruction after Start() too.
// Memory: about unsent_bytes_max as read from the spool and as much encrypted.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/ship/agent_session.h"
#include "agent/ship/ship_stats.h"
#include "common/base/random.h"
#include "common/net/loop.h"
#include "common/net/stream.h"
#include "common/net/timer.h"

namespace opssight {

struct ShipperOptions {
  Address aggregator;
  std::string server_name;  // For the certificate; empty: aggregator.host.
  AgentSessionOptions session;
  std::int64_t retry_min_ms = 500;
  std::int64_t retry_max_ms = 60'000;
  StreamOptions stream;
};

// Called on the loop; both may be empty.
struct ShipperHooks {
  // Asked when connected and each minute then: a CSR (DER) when it is time for a new
  // certificate, else nothing.
  std::function<std::optional<std::string>()> renewal;
  // The new certificate. Save it, then SetTls().
  std::function<void(const session::Enrolled&)> on_renewed;
};

class Shipper final : private StreamHandler {
 public:
  Shipper(Loop& loop, ShipperOptions options, std::shared_ptr<TlsContext> tls, SpoolView& spool,
          ShipStats& stats, Random random, ShipperHooks hooks = {});
  ~Shipper() override;

  void Start();
  void OnSpooled();  // There may be more to send.
  // For the next connection; says Bye to come again at once if there is one now.
  void SetTls(std::shared_ptr<TlsContext> tls);
  // Says Bye, which goes out while the loop runs on (leave it a moment before the
  // destruction). What was not acknowledged stays in the spool.
  void Stop();

  bool connected() const;
  // Why there is no session ("" while there is one), as the log said it.
  const std::string& problem() const;

 private:
  using End = AgentSession::End;

  void OnOpen(Stream& stream) override;
  void OnData(Stream& stream, std::string_view bytes) override;
  void OnDrained(Stream& stream) override;
  void OnClose(Stream& stream, const Error& why) override;

  void ConnectNow() OPS_REQUIRES(loop_);
  // After anything that may have changed what is to be sent, or when.
  void Pump() OPS_REQUIRES(loop_);
  void OnEstablished() OPS_REQUIRES(loop_);
  void AskRenewal() OPS_REQUIRES(loop_);
  void EndConnection(const End& end) OPS_REQUIRES(loop_);
  void RetryAfter(const End& end, const std::string& why) OPS_REQUIRES(loop_);
  std::int64_t DelayMs(End::Retry retry) OPS_REQUIRES(loop_);

  Loop& loop_;
  const ShipperOptions options_;
  const ShipperHooks hooks_;
  SpoolView& spool_;
  ShipStats& stats_;
  std::shared_ptr<TlsContext> tls_ OPS_GUARDED_BY(loop_);
  Random random_ OPS_GUARDED_BY(loop_);
  AgentSession session_ OPS_GUARDED_BY(loop_);
  std::unique_ptr<Stream> stream_ OPS_GUARDED_BY(loop_);
  std::unique_ptr<Stream> leaving_ OPS_GUARDED_BY(loop_);  // Its last bytes are on their way.
  Timer timer_;  // The session's NextDue, or the next attempt.
  bool stopped_ OPS_GUARDED_BY(loop_) = true;
  bool greeted_ OPS_GUARDED_BY(loop_) = false;  // This connection was established.
  std::int64_t greeted_ms_ OPS_GUARDED_BY(loop_) = 0;
  std::int64_t renewal_due_ms_ OPS_GUARDED_BY(loop_) = 0;
  int attempts_ OPS_GUARDED_BY(loop_) = 0;  // Since a session that lasted.
  int at_once_ OPS_GUARDED_BY(loop_) = 0;   // Likewise.
  std::string problem_ OPS_GUARDED_BY(loop_);
};

}  // namespace opssight
