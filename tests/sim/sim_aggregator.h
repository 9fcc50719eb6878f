// The aggregator's disk in memory: the store behind the accept rule, and the
// identities. Commits happen when the simulation says so; a crash loses what waits.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "aggregator/enrol/authority.h"
#include "aggregator/store/acceptor.h"
#include "tests/sim/records.h"

namespace opssight::sim {

class SimStore final : public BatchAcceptor {
 public:
  struct Disk {
    std::map<std::pair<std::string, std::uint64_t>, RunSet> runs;
    std::map<Record, int> stored;
    std::map<Record, int> gaps;
    std::uint64_t lost = 0;
  };

  void Submit(IncomingBatch batch, Done done) override;
  Result<AgentProgress> Progress(const std::string& agent_id, std::uint64_t epoch) override;

  void CommitSome(std::size_t count);
  void Crash() { waiting_.clear(); }  // Nobody is left to hear done.
  std::size_t waiting() const { return waiting_.size(); }

  bool refuse = false;  // Says not now.
  Disk disk;

 private:
  std::vector<std::pair<IncomingBatch, Done>> waiting_;
};

class SimAuthority final : public EnrolAuthority {
 public:
  Result<Enrolment> Enrol(const EnrolRequest& request) override;
  Result<Enrolment> Renew(const std::string& agent_id, std::string_view csr_der) override;
  AgentCheck Check(const std::string& agent_id, std::string_view fingerprint) override;
  Result<std::uint64_t> NewEpoch(const std::string& agent_id) override;

  std::uint64_t epoch = 1;
};

}  // namespace opssight::sim
