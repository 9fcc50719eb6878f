// Fleet: many agents in one process, each with its own identity, TLS connection and
// session to a real aggregator. They enrol with a token as hosts do, speak the frames of
// common/codec/session, and keep a batch until it is acknowledged; spool and sources are
// left out, so that what they cost does not disturb what is measured.
//
//   Fleet fleet(aggregator, 1000);                  // enrolled, connected, welcomed
//   fleet.Run({.next = [&](std::size_t agent) { … }});
//
// Any failure (a refusal, a lost connection) ends the benchmark with its message.
// Calls from one thread; next is called on the fleet's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/identity/identity.h"
#include "common/net/address.h"
#include "common/net/loop.h"
#include "common/net/timer.h"
#include "tests/bench/system/servers.h"

namespace opssight::bench {

struct Outgoing {
  std::string layout;  // EncodeLayout's, where the agent has not sent it yet.
  std::string batch;   // EncodeBatch's.
};

struct Load {
  // The next of an agent; none: it has sent all.
  std::function<std::optional<Outgoing>(std::size_t agent)> next;
  std::size_t unacked_max = 2;  // Of one agent, where no rate is given.
  double batches_per_s = 0;     // Of all agents in turn; 0: as the acknowledgements allow.
};

struct LoadResult {
  std::uint64_t batches = 0;
  std::uint64_t wire_bytes = 0;  // Of batches, without TLS.
  std::uint64_t retries = 0;     // The aggregator said not now.
  double seconds = 0;
  std::vector<double> ack_ms;  // Ascending; from write to acknowledgement.
};

class Fleet {
 public:
  // dir: for the identities.
  Fleet(AggregatorProcess& aggregator, std::size_t agents, const std::string& dir);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  // Until all batches are acknowledged.
  LoadResult Run(Load load);

 private:
  class Agent;

  void ConnectSome() OPS_REQUIRES(loop_);
  void Welcomed() OPS_REQUIRES(loop_);
  void Tick() OPS_REQUIRES(loop_);
  void AgentDone() OPS_REQUIRES(loop_);

  Loop loop_{"fleet"};
  Address address_;
  std::vector<std::unique_ptr<Agent>> agents_;
  std::size_t connecting_ = 0;  // Begun, welcomed or not.
  std::size_t welcomed_ = 0;
  std::size_t busy_ = 0;  // Agents with batches to send or unacknowledged.
  Load load_;
  LoadResult result_;
  std::uint64_t turns_ = 0;  // Of a load with a rate.
  std::int64_t started_ns_ = 0;
  std::promise<void> done_;
  std::unique_ptr<Timer> timer_;
};

}  // namespace opssight::bench
