#include "aggregator/enrol/registry.h"

#include <algorithm>

#include <fmt/core.h>

#include "common/base/log.h"
#include "common/pki/secret.h"
#include "common/text/base64.h"
#include "common/text/time.h"

namespace opssight {
namespace {

constexpr std::int64_t kDayS = 86'400;
constexpr std::int64_t kClockSkewS = 300;  // A host whose clock is behind may still connect.
constexpr std::size_t kTokenIdBytes = 4;
constexpr std::size_t kTokenSecretBytes = 16;
constexpr std::size_t kHostBytesMax = 255;
constexpr std::size_t kFingerprintBytes = 16;

std::string When(std::int64_t unix_s) {
  return FormatRfc3339Ns(unix_s * kNsPerSecond);
}

Error Refused(std::string_view why) {
  return Invalid(fmt::format(
      "enrol: {}; make a new token with `opssight-aggregator token create` and use it", why));
}

// A name goes into logs and answers: printable, without control characters.
std::string CleanHost(std::string_view host) {
  std::string out(host.substr(0, kHostBytesMax));
  std::replace_if(
      out.begin(), out.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return out;
}

}  // namespace

Result<std::unique_ptr<AgentRegistry>> AgentRegistry::Open(std::shared_ptr<GuardedEnv> meta,
                                                           KeyAndCertificate ca,
                                                           RegistryOptions options,
                                                           const Clock& clock) {
  OPS_TRY(MetaTable tokens, MetaTable::Open(meta, "tokens"));
  OPS_TRY(MetaTable agents, MetaTable::Open(meta, "agents"));
  return std::unique_ptr<AgentRegistry>(
      new AgentRegistry(std::move(tokens), std::move(agents), std::move(ca), options, clock));
}

Result<CreatedToken> AgentRegistry::CreateToken(std::int64_t life_s, std::uint64_t uses) {
  if (life_s <= 0 || uses == 0) return Invalid("token: want a life and at least one use");
  OPS_TRY(const auto known, tokens_.List());
  if (known.size() >= options_.tokens_max) {
    return Exhausted(fmt::format("token: {} tokens are there; remove some first", known.size()));
  }
  CreatedToken token{.id = Hex(RandomBytes(kTokenIdBytes)),
                     .secret = Hex(RandomBytes(kTokenSecretBytes)),
                     .expires_s = NowS() + life_s};
  OPS_RETURN_IF_ERROR(
      tokens_.Put(token.id, Encode(TokenRecord{.secret_sha256 = Sha256(token.secret),
                                               .created_s = NowS(),
                                               .expires_s = token.expires_s,
                                               .uses_max = uses})));
  return token;
}

Result<std::vector<std::pair<std::string, TokenRecord>>> AgentRegistry::Tokens() const {
  OPS_TRY(const auto rows, tokens_.List());
  std::vector<std::pair<std::string, TokenRecord>> out;
  for (const auto& [id, bytes] : rows) {
    OPS_TRY(TokenRecord record, DecodeTokenRecord(bytes));
    out.emplace_back(id, std::move(record));
  }
  return out;
}

Status AgentRegistry::RevokeToken(const std::string& id) {
  return tokens_.Update([&](MetaTable::Edit& edit) -> Status {
    OPS_TRY(const auto bytes, edit.Get(id));
    if (!bytes) return NotFound(fmt::format("token {}: no such token", id));
    OPS_TRY(TokenRecord record, DecodeTokenRecord(*bytes));
    record.revoked_s = NowS();
    return edit.Put(id, Encode(record));
  });
}

Result<std::vector<std::pair<std::string, AgentRecord>>> AgentRegistry::Agents() const {
  OPS_TRY(const auto rows, agents_.List());
  std::vector<std::pair<std::string, AgentRecord>> out;
  for (const auto& [id, bytes] : rows) {
    OPS_TRY(AgentRecord record, DecodeAgentRecord(bytes));
    out.emplace_back(id, std::move(record));
  }
  return out;
}

Status AgentRegistry::RevokeAgent(const std::string& id) {
  return agents_.Update([&](MetaTable::Edit& edit) -> Status {
    OPS_TRY(const auto bytes, edit.Get(id));
    if (!bytes) return NotFound(fmt::format("agent {}: no such agent", id));
    OPS_TRY(AgentRecord record, DecodeAgentRecord(*bytes));
    record.revoked_s = NowS();
    return edit.Put(id, Encode(record));
  });
}

Status AgentRegistry::CheckToken(std::string_view id, std::string_view secret, bool use) {
  if (id.empty() || id.size() > MetaTable::kKeyBytesMax) return Refused("not a token");
  return tokens_.Update([&](MetaTable::Edit& edit) -> Status {
    OPS_TRY(const auto bytes, edit.Get(id));
    // One answer for a wrong id and a wrong secret: neither can be probed.
    if (!bytes) return Refused("no such token");
    OPS_TRY(TokenRecord record, DecodeTokenRecord(*bytes));
    if (!SameSecret(Sha256(secret), record.secret_sha256)) return Refused("no such token");
    if (record.revoked_s != 0) return Refused(fmt::format("token {} was revoked", id));
    if (NowS() >= record.expires_s) {
      return Refused(fmt::format("token {} expired at {}", id, When(record.expires_s)));
    }
    if (!use) return {};
    if (record.uses >= record.uses_max) {
      return Refused(
          fmt::format("token {} was used {} of {} times", id, record.uses, record.uses_max));
    }
    ++record.uses;
    return edit.Put(id, Encode(record));
  });
}

Result<std::string> AgentRegistry::Sign(const std::string& agent_id, std::string_view csr_der,
                                        AgentRecord& to) {
  const Validity validity{.from_s = NowS() - kClockSkewS,
                          .to_s = NowS() + options_.certificate_days * kDayS};
  OPS_TRY(std::string pem,
          SignCsr(csr_der, ca_, {.common_name = agent_id, .uri = {"opssight://agent/" + agent_id}},
                  validity));
  OPS_TRY(const CertificateInfo info, ReadCertificate(pem));
  to.serial = info.serial;
  to.spki_sha256 = info.spki_sha256;
  to.expires_s = validity.to_s;
  return pem;
}

// By a digest of the request, so that one look finds it among any number of agents. Who was
// revoked gets another id, and each costs a use of the token.
Result<AgentRegistry::Named> AgentRegistry::NameFor(const std::string& token_id,
                                                    const EnrolRequest& request) const {
  OPS_TRY(const std::string spki_sha256, CsrSpkiSha256(request.csr_der));
  const std::string who = Sha256("opssight agent " + token_id + "\n" + Hex(spki_sha256) + "\n" +
                                 Hex(request.fingerprint));
  for (std::uint64_t nth = 0;; ++nth) {
    Named named{.agent_id = UuidOf(Sha256(who + std::to_string(nth)).substr(0, 16))};
    OPS_TRY(const auto bytes, agents_.Get(named.agent_id));
    if (!bytes) return named;
    OPS_TRY(const AgentRecord record, DecodeAgentRecord(*bytes));
    named.enrolled = true;
    if (record.revoked_s == 0) return named;
  }
}

Result<Enrolment> AgentRegistry::EnrolChecked(const EnrolRequest& request) {
  if (request.fingerprint.size() != kFingerprintBytes) return Refused("no machine fingerprint");
  const std::size_t dot = request.token.find('.');
  if (dot == std::string::npos) return Refused("not a token");
  const std::string token_id = request.token.substr(0, dot);
  const std::string secret = request.token.substr(dot + 1);
  OPS_RETURN_IF_ERROR(CheckToken(token_id, secret, false));

  AgentRecord record{.host = CleanHost(request.host),
                     .fingerprint = request.fingerprint,
                     .token_id = token_id,
                     .enrolled_s = NowS()};
  OPS_TRY(const Named named, NameFor(token_id, request));
  const std::string& agent_id = named.agent_id;
  OPS_TRY(std::string certificate, Sign(agent_id, request.csr_der, record));
  if (!named.enrolled) {
    OPS_TRY(const std::uint64_t agents, agents_.Count());
    if (agents >= options_.agents_max) {
      return Exhausted(
          fmt::format("enrol: {} agents are enrolled, the limit; nothing was changed", agents));
    }
    OPS_RETURN_IF_ERROR(CheckToken(token_id, secret, true));
  }
  OPS_RETURN_IF_ERROR(agents_.Update([&](MetaTable::Edit& edit) -> Status {
    OPS_TRY(const auto bytes, edit.Get(agent_id));
    if (bytes) {
      OPS_TRY(const AgentRecord before, DecodeAgentRecord(*bytes));
      // By `agent revoke` beside us, since NameFor looked.
      if (before.revoked_s != 0) return Refused(fmt::format("agent {} was revoked", agent_id));
      record.epoch = before.epoch;
      record.enrolled_s = before.enrolled_s;
    }
    return edit.Put(agent_id, Encode(record));
  }));
  OPS_LOG(kInfo, "enrol: agent {} is {}, from {}, by token {}", agent_id, record.host, request.peer,
          token_id);
  return Enrolment{.agent_id = agent_id,
                   .epoch = record.epoch,
                   .certificate_pem = std::move(certificate),
                   .ca_pem = ca_.certificate_pem};
}

Result<Enrolment> AgentRegistry::Enrol(const EnrolRequest& request) {
  auto enrolment = EnrolChecked(request);
  if (enrolment) {
    ++stats_.enrolled;
  } else {
    ++stats_.refused;
    OPS_LOG_EVERY(1, kWarn, "enrol: {}, which calls itself {}: {}; refused", request.peer,
                  CleanHost(request.host), enrolment.error().message);
  }
  return enrolment;
}

Result<Enrolment> AgentRegistry::Renew(const std::string& agent_id, std::string_view csr_der) {
  Enrolment out{.agent_id = agent_id, .ca_pem = ca_.certificate_pem};
  OPS_RETURN_IF_ERROR(agents_.Update([&](MetaTable::Edit& edit) -> Status {
    OPS_TRY(const auto bytes, edit.Get(agent_id));
    if (!bytes) return Invalid(fmt::format("renew: no agent {}; enrol this host again", agent_id));
    OPS_TRY(AgentRecord record, DecodeAgentRecord(*bytes));
    if (record.revoked_s != 0) {
      return Invalid(
          fmt::format("renew: agent {} was revoked at {}", agent_id, When(record.revoked_s)));
    }
    OPS_TRY(out.certificate_pem, Sign(agent_id, csr_der, record));
    out.epoch = record.epoch;
    return edit.Put(agent_id, Encode(record));
  }));
  ++stats_.renewed;
  return out;
}

AgentCheck AgentRegistry::Check(const std::string& agent_id, std::string_view fingerprint) {
  using Verdict = AgentCheck::Verdict;
  const auto unavailable = [](const Error& why) {
    return AgentCheck{.verdict = Verdict::kUnavailable, .message = why.message};
  };
  if (agent_id.empty() || agent_id.size() > MetaTable::kKeyBytesMax) {
    return {.verdict = Verdict::kUnknown, .message = "the certificate names no agent"};
  }
  const auto bytes = agents_.Get(agent_id);
  if (!bytes) return unavailable(bytes.error());
  if (!*bytes) {
    return {.verdict = Verdict::kUnknown,
            .message = fmt::format("agent {} is not enrolled here; enrol this host", agent_id)};
  }
  const auto record = DecodeAgentRecord(**bytes);
  if (!record) return unavailable(record.error());
  if (record->revoked_s != 0) {
    return {.verdict = Verdict::kRevoked,
            .message = fmt::format("agent {} ({}) was revoked at {}; enrol this host with a new "
                                   "token",
                                   agent_id, record->host, When(record->revoked_s))};
  }
  if (record->fingerprint != fingerprint) {
    return {.verdict = Verdict::kClone,
            .message = fmt::format(
                "the identity {} belongs to host {}, and this is another machine (its "
                "/etc/machine-id differs): a copied disk or image; enrol this host with "
                "`opssight-agent enrol`, which gives it an identity of its own",
                agent_id, record->host)};
  }
  return {.verdict = Verdict::kOk, .message = {}, .epoch = record->epoch, .host = record->host};
}

std::optional<std::uint64_t> AgentRegistry::EpochOfEarlier(const std::string& agent_id,
                                                           std::string_view fingerprint) {
  const auto bytes = agents_.Get(agent_id);
  if (!bytes || !*bytes) return std::nullopt;
  const auto record = DecodeAgentRecord(**bytes);
  if (!record || record->fingerprint != fingerprint) return std::nullopt;
  return record->epoch;
}

Result<std::uint64_t> AgentRegistry::NewEpoch(const std::string& agent_id) {
  std::uint64_t epoch = 0;
  OPS_RETURN_IF_ERROR(agents_.Update([&](MetaTable::Edit& edit) -> Status {
    OPS_TRY(const auto bytes, edit.Get(agent_id));
    if (!bytes) return NotFound(fmt::format("enrol: no agent {}", agent_id));
    OPS_TRY(AgentRecord record, DecodeAgentRecord(*bytes));
    epoch = ++record.epoch;
    return edit.Put(agent_id, Encode(record));
  }));
  return epoch;
}

}  // namespace opssight
