// AgentRegistry is enrolment as an operator knows it: tokens that let hosts in, the
// agents they became, and taking both back. Kept in meta.mdb (records.h), so it is
// shared by the running aggregator and by `opssight-aggregator token …` beside it.
//
//   OPS_TRY(auto registry, AgentRegistry::Open(meta, ca, {}, Clock::System()));
//   OPS_TRY(CreatedToken token, registry->CreateToken(24 * 3600, 50));
//
// Any thread. Limits: agents_max agents and tokens_max tokens; above, Enrol and
// CreateToken are kExhausted and say what to remove.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aggregator/enrol/authority.h"
#include "aggregator/enrol/records.h"
#include "aggregator/store/meta_table.h"
#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/pki/pki.h"

namespace opssight {

struct RegistryOptions {
  std::int64_t certificate_days = 30;
  std::size_t agents_max = 100'000;
  std::size_t tokens_max = 10'000;
};

struct CreatedToken {
  std::string id;
  std::string secret;  // Shown once; only its hash is kept.
  std::int64_t expires_s = 0;
  std::string Text() const { return id + "." + secret; }
};

struct RegistryStats {
  std::atomic<std::uint64_t> enrolled{0};
  std::atomic<std::uint64_t> renewed{0};
  std::atomic<std::uint64_t> refused{0};  // Tokens and requests that were no good.
};

class AgentRegistry final : public EnrolAuthority {
 public:
  static Result<std::unique_ptr<AgentRegistry>> Open(std::shared_ptr<GuardedEnv> meta,
                                                     KeyAndCertificate ca, RegistryOptions options,
                                                     const Clock& clock);

  Result<Enrolment> Enrol(const EnrolRequest& request) override;
  Result<Enrolment> Renew(const std::string& agent_id, std::string_view csr_der) override;
  AgentCheck Check(const std::string& agent_id, std::string_view fingerprint) override;
  std::optional<std::uint64_t> EpochOfEarlier(const std::string& agent_id,
                                              std::string_view fingerprint) override;
  Result<std::uint64_t> NewEpoch(const std::string& agent_id) override;

  // For operators. uses at least 1.
  Result<CreatedToken> CreateToken(std::int64_t life_s, std::uint64_t uses);
  Result<std::vector<std::pair<std::string, TokenRecord>>> Tokens() const;
  Status RevokeToken(const std::string& id);
  Result<std::vector<std::pair<std::string, AgentRecord>>> Agents() const;
  // Its sessions end at their next check; it must enrol again.
  Status RevokeAgent(const std::string& id);

  const RegistryStats& stats() const { return stats_; }

 private:
  AgentRegistry(MetaTable tokens, MetaTable agents, KeyAndCertificate ca, RegistryOptions options,
                const Clock& clock)
      : tokens_(std::move(tokens)),
        agents_(std::move(agents)),
        ca_(std::move(ca)),
        options_(options),
        clock_(clock) {}
  std::int64_t NowS() const { return clock_.WallNs() / kNsPerSecond; }
  Result<Enrolment> EnrolChecked(const EnrolRequest& request);
  // The id that this very request gets, the same each time until that agent is revoked,
  // and whether it is there already.
  struct Named {
    std::string agent_id;
    bool enrolled = false;
  };
  Result<Named> NameFor(const std::string& token_id, const EnrolRequest& request) const;
  // Checks id and secret and, with use, takes one use.
  Status CheckToken(std::string_view id, std::string_view secret, bool use);
  Result<std::string> Sign(const std::string& agent_id, std::string_view csr_der, AgentRecord& to);

  MetaTable tokens_;
  MetaTable agents_;
  const KeyAndCertificate ca_;
  const RegistryOptions options_;
  const Clock& clock_;
  RegistryStats stats_;
};

}  // namespace opssight
