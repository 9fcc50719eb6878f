#include "aggregator/main/commands.h"

#include <cstdio>
#include <filesystem>

#include <fmt/core.h>

#include "aggregator/main/enrolment_parts.h"
#include "aggregator/store/meta_table.h"
#include "common/net/address.h"
#include "common/text/time.h"

namespace opssight {
namespace {

int Fail(const Error& error) {
  fmt::print(stderr, "opssight-aggregator: {}\n", error.message);
  return 1;
}

std::string When(std::int64_t unix_s) {
  return FormatRfc3339Ns(unix_s * kNsPerSecond);
}

// Beside a running aggregator, so what is not there is a wrong folder, not a new one.
Result<EnrolmentParts> Open(const AggregatorConfig& config) {
  if (!std::filesystem::exists(config.data_dir + "/meta.mdb")) {
    return NotFound("no aggregator has its data in " + config.data_dir +
                    "; start it first, or name its configuration with --config");
  }
  OPS_TRY(auto meta, OpenMeta(config.data_dir, config.meta));
  return OpenEnrolment(config, std::move(meta), Clock::System());
}

// Where agents connect, as a host elsewhere would write it.
Result<std::string> PublicAddress(const AggregatorConfig& config) {
  OPS_TRY(const Address listen, ParseAddress(config.agents.listen));
  return Address{AgentNames(config).front(), listen.port}.ToString();
}

constexpr const char* kValid = "valid";

const char* StateOf(bool revoked, bool over) {
  return revoked ? "revoked" : over ? "expired" : kValid;
}

}  // namespace

int CreateTokenCommand(const AggregatorConfig& config, const TokenCreateOptions& options) {
  const auto parts = Open(config);
  if (!parts) return Fail(parts.error());
  const auto address = PublicAddress(config);
  if (!address) return Fail(address.error());
  const auto ca = ReadCertificate(parts->ca.certificate_pem);
  if (!ca) return Fail(ca.error());
  const auto token = parts->registry->CreateToken(options.life_s, options.uses);
  if (!token) return Fail(token.error());
  fmt::print("opssight-agent enrol --aggregator {} --token {} --ca-pin {}\n", *address,
             token->Text(), PinText(ca->spki_sha256));
  fmt::print(stderr, "Run this line on {} until {}.\n",
             options.uses == 1 ? "the host" : fmt::format("up to {} hosts", options.uses),
             When(token->expires_s));
  return 0;
}

int ListTokensCommand(const AggregatorConfig& config) {
  const auto parts = Open(config);
  if (!parts) return Fail(parts.error());
  const auto tokens = parts->registry->Tokens();
  if (!tokens) return Fail(tokens.error());
  const std::int64_t now_s = Clock::System().WallNs() / kNsPerSecond;
  fmt::print("{:<10} {:<8} {:>9} {:<20}\n", "ID", "STATE", "USED", "EXPIRES");
  for (const auto& [id, token] : *tokens) {
    const char* state = StateOf(token.revoked_s != 0, now_s >= token.expires_s);
    if (state == kValid && token.uses >= token.uses_max) state = "used up";
    fmt::print("{:<10} {:<8} {:>9} {:<20}\n", id, state,
               fmt::format("{}/{}", token.uses, token.uses_max), When(token.expires_s));
  }
  return 0;
}

int RevokeTokenCommand(const AggregatorConfig& config, const std::string& id) {
  const auto parts = Open(config);
  if (!parts) return Fail(parts.error());
  const Status status = parts->registry->RevokeToken(id);
  return status ? 0 : Fail(status.error());
}

int ListAgentsCommand(const AggregatorConfig& config) {
  const auto parts = Open(config);
  if (!parts) return Fail(parts.error());
  const auto agents = parts->registry->Agents();
  if (!agents) return Fail(agents.error());
  const std::int64_t now_s = Clock::System().WallNs() / kNsPerSecond;
  fmt::print("{:<36} {:<8} {:<20} {:<20} {}\n", "ID", "STATE", "ENROLLED", "CERTIFICATE UNTIL",
             "HOST");
  for (const auto& [id, agent] : *agents) {
    fmt::print("{:<36} {:<8} {:<20} {:<20} {}\n", id,
               StateOf(agent.revoked_s != 0, now_s >= agent.expires_s), When(agent.enrolled_s),
               When(agent.expires_s), agent.host);
  }
  return 0;
}

int RevokeAgentCommand(const AggregatorConfig& config, const std::string& id) {
  const auto parts = Open(config);
  if (!parts) return Fail(parts.error());
  const Status status = parts->registry->RevokeAgent(id);
  return status ? 0 : Fail(status.error());
}

}  // namespace opssight
