#include "aggregator/enrol/records.h"

#include "common/bytes/varint.h"

namespace opssight {
namespace {

constexpr char kVersion = 1;

// Reads fields one after the other; the first that is short makes all of it so.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {
    ok_ = !rest_.empty() && rest_.front() == kVersion;
    if (ok_) rest_.remove_prefix(1);
  }
  void Read(std::string& out) {
    const auto text = ok_ ? GetString(rest_) : std::nullopt;
    ok_ = text.has_value();
    if (ok_) out = *text;
  }
  void Read(std::uint64_t& out) {
    const auto value = ok_ ? GetVarint(rest_) : std::nullopt;
    ok_ = value.has_value();
    if (ok_) out = *value;
  }
  void Read(std::int64_t& out) {
    const auto value = ok_ ? GetZigZag(rest_) : std::nullopt;
    ok_ = value.has_value();
    if (ok_) out = *value;
  }
  bool ok() const { return ok_; }

 private:
  std::string_view rest_;
  bool ok_ = false;
};

}  // namespace

std::string Encode(const TokenRecord& record) {
  std::string out(1, kVersion);
  PutString(out, record.secret_sha256);
  PutZigZag(out, record.created_s);
  PutZigZag(out, record.expires_s);
  PutVarint(out, record.uses_max);
  PutVarint(out, record.uses);
  PutZigZag(out, record.revoked_s);
  return out;
}

Result<TokenRecord> DecodeTokenRecord(std::string_view bytes) {
  TokenRecord record;
  Fields fields(bytes);
  fields.Read(record.secret_sha256);
  fields.Read(record.created_s);
  fields.Read(record.expires_s);
  fields.Read(record.uses_max);
  fields.Read(record.uses);
  fields.Read(record.revoked_s);
  if (!fields.ok()) return Corrupt("enrol: a token's record in meta.mdb is damaged");
  return record;
}

std::string Encode(const AgentRecord& record) {
  std::string out(1, kVersion);
  PutString(out, record.host);
  PutString(out, record.fingerprint);
  PutVarint(out, record.epoch);
  PutString(out, record.token_id);
  PutString(out, record.serial);
  PutString(out, record.spki_sha256);
  PutZigZag(out, record.enrolled_s);
  PutZigZag(out, record.expires_s);
  PutZigZag(out, record.revoked_s);
  return out;
}

Result<AgentRecord> DecodeAgentRecord(std::string_view bytes) {
  AgentRecord record;
  Fields fields(bytes);
  fields.Read(record.host);
  fields.Read(record.fingerprint);
  fields.Read(record.epoch);
  fields.Read(record.token_id);
  fields.Read(record.serial);
  fields.Read(record.spki_sha256);
  fields.Read(record.enrolled_s);
  fields.Read(record.expires_s);
  fields.Read(record.revoked_s);
  if (!fields.ok()) return Corrupt("enrol: an agent's record in meta.mdb is damaged");
  return record;
}

}  // namespace opssight
