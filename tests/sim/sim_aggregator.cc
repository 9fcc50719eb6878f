#include "tests/sim/sim_aggregator.h"

#include <algorithm>

namespace opssight::sim {

void SimStore::Submit(IncomingBatch batch, Done done) {
  if (refuse) {
    return done({.kind = SubmitResult::Kind::kError, .error = Unavailable("store is full")});
  }
  waiting_.emplace_back(std::move(batch), std::move(done));
}

Result<AgentProgress> SimStore::Progress(const std::string& agent_id, std::uint64_t epoch) {
  const auto found = disk.runs.find({agent_id, epoch});
  if (found == disk.runs.end()) return AgentProgress{};
  return AgentProgress{.runs = found->second.runs()};
}

void SimStore::CommitSome(std::size_t count) {
  count = std::min(count, waiting_.size());
  std::vector<std::pair<IncomingBatch, Done>> taken;
  for (std::size_t i = 0; i < count; ++i) taken.push_back(std::move(waiting_[i]));
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
  for (auto& [batch, done] : taken) {
    const RunSet::Answer answer =
        disk.runs[{batch.agent_id, batch.epoch}].Accept(batch.seq, batch.hash);
    SubmitResult result;
    if (answer.verdict == RunSet::Verdict::kStore) {
      const Contents contents = ContentsOf(*batch.decoded);
      for (const Record record : contents.records) ++disk.stored[record];
      for (const Record record : contents.gaps) ++disk.gaps[record];
      disk.lost += contents.lost;
    } else if (answer.verdict == RunSet::Verdict::kOutOfOrder) {
      result = {.kind = SubmitResult::Kind::kOutOfOrder, .expected = answer.expected};
    } else {
      result.kind = SubmitResult::Kind::kDuplicate;
    }
    done(std::move(result));
  }
}

Result<Enrolment> SimAuthority::Enrol(const EnrolRequest& /*request*/) {
  return Invalid("not in this simulation");
}

Result<Enrolment> SimAuthority::Renew(const std::string& /*agent_id*/, std::string_view /*csr*/) {
  return Invalid("not in this simulation");
}

AgentCheck SimAuthority::Check(const std::string& /*agent_id*/, std::string_view /*fingerprint*/) {
  return {.epoch = epoch, .host = "sim"};
}

Result<std::uint64_t> SimAuthority::NewEpoch(const std::string& /*agent_id*/) {
  return ++epoch;
}

}  // namespace opssight::sim
