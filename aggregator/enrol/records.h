// What meta.mdb keeps of enrolment, as values and as bytes.
//
//   table tokens   key: token id          value: TokenRecord
//   table agents   key: agent id (UUID)   value: AgentRecord
//
// The bytes: version (1 B, now 1), then the fields in their order below; numbers as
// LEB128 varints (zigzag where they may be negative), strings with their length.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace opssight {

// A token lets hosts enrol. Its secret is never kept, only the SHA-256 of it.
struct TokenRecord {
  std::string secret_sha256;  // 32 bytes.
  std::int64_t created_s = 0;
  std::int64_t expires_s = 0;
  std::uint64_t uses_max = 1;
  std::uint64_t uses = 0;
  std::int64_t revoked_s = 0;  // 0: not revoked.
};

struct AgentRecord {
  std::string host;         // As the host called itself at enrolment.
  std::string fingerprint;  // Of the machine, 16 bytes.
  std::uint64_t epoch = 1;
  std::string token_id;     // Which token enrolled it.
  std::string serial;       // Of the newest certificate, hex.
  std::string spki_sha256;  // Of its key, 32 bytes.
  std::int64_t enrolled_s = 0;
  std::int64_t expires_s = 0;  // Of the newest certificate.
  std::int64_t revoked_s = 0;  // 0: not revoked.
};

std::string Encode(const TokenRecord& record);
Result<TokenRecord> DecodeTokenRecord(std::string_view bytes);
std::string Encode(const AgentRecord& record);
Result<AgentRecord> DecodeAgentRecord(std::string_view bytes);

}  // namespace opssight
