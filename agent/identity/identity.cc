#include "agent/identity/identity.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "common/base/files.h"
#include "common/base/log.h"
#include "common/pki/secret.h"
#include "common/text/base64.h"

namespace opssight {
namespace {

constexpr std::size_t kPemBytesMax = 256UL << 10;
constexpr std::string_view kHeader = "# aggregator ";

// The next PEM object of text, whole lines; "" at the end.
std::string TakePem(std::string_view& text, std::string_view kind) {
  const std::string begin = "-----BEGIN " + std::string(kind) + "-----";
  const std::string end = "-----END " + std::string(kind) + "-----";
  const std::size_t from = text.find(begin);
  const std::size_t to = from == std::string_view::npos ? from : text.find(end, from);
  if (to == std::string_view::npos) return {};
  std::string pem(text.substr(from, to + end.size() - from));
  text.remove_prefix(to + end.size());
  return pem + "\n";
}

}  // namespace

Result<Identity> LoadIdentity(const std::string& dir) {
  const std::string path = dir + "/identity.pem";
  auto text = ReadFile(path, kPemBytesMax);
  if (!text && text.error().code == ErrorCode::kNotFound) {
    return NotFound(
        "this host is not enrolled: run `opssight-aggregator token create` on the aggregator's "
        "host and the line that it prints on this one (no " +
        path + ")");
  }
  if (!text) return std::move(text).error();
  std::string_view rest = *text;
  Identity identity;
  if (rest.starts_with(kHeader)) {
    identity.aggregator = rest.substr(kHeader.size(), rest.find('\n') - kHeader.size());
  }
  identity.key_pem = TakePem(rest, "PRIVATE KEY");
  identity.certificate_pem = TakePem(rest, "CERTIFICATE");
  identity.ca_pem = TakePem(rest, "CERTIFICATE");
  if (identity.aggregator.empty() || identity.ca_pem.empty()) {
    return Corrupt(path + ": not an identity; remove it and enrol this host again");
  }
  OPS_TRY(identity.info, ReadCertificate(identity.certificate_pem));
  OPS_TRY(const bool matches, KeyMatches(identity.key_pem, identity.certificate_pem));
  if (!matches) {
    return Corrupt(path + ": key and certificate do not match; enrol this host again");
  }
  return identity;
}

Status SaveIdentity(const std::string& dir, const Identity& identity) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) return IoError("identity: create " + dir, error.value());
  OPS_TRY(const bool matches, KeyMatches(identity.key_pem, identity.certificate_pem));
  if (!matches) return Invalid("identity: the certificate is not of our key");
  const std::string text = std::string(kHeader) + identity.aggregator + "\n" + identity.key_pem +
                           identity.certificate_pem + identity.ca_pem;
  OPS_RETURN_IF_ERROR(WriteFileDurably(dir + "/identity.pem", text, 0600));
  std::filesystem::remove(dir + "/enrol.key", error);  // Used; a leftover does no harm.
  return {};
}

Result<std::string> EnrolmentKey(const std::string& dir) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) return IoError("identity: create " + dir, error.value());
  const std::string path = dir + "/enrol.key";
  auto begun = ReadFile(path, kPemBytesMax);
  if (begun && MakeCsr(*begun, "enrol").has_value()) return begun;
  OPS_TRY(std::string key, MakeKey());
  OPS_RETURN_IF_ERROR(WriteFileDurably(path, key, 0600));
  return key;
}

std::int64_t RenewAtS(const Validity& validity, double chance) {
  const std::int64_t life = validity.to_s - validity.from_s;
  return validity.from_s + life * 2 / 3 +
         static_cast<std::int64_t>(static_cast<double>(life) / 10 * chance);
}

Result<std::string> ThisMachine(const std::string& host_root, const std::string& dir) {
  constexpr std::size_t kIdBytesMax = 4096;
  const std::string path = host_root + "/etc/machine-id";
  const auto id = ReadFile(path, kIdBytesMax);
  auto fingerprint = id ? MachineFingerprint(*id) : Result<std::string>(id.error());
  if (fingerprint) return fingerprint;
  const std::string own_path = dir + "/machine-id";
  if (const auto own = ReadFile(own_path, kIdBytesMax)) return MachineFingerprint(*own);
  OPS_LOG(kWarn, "identity: {}; this host gets an id of its own in {}", fingerprint.error().message,
          own_path);
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  const std::string made = Hex(RandomBytes(16));
  OPS_RETURN_IF_ERROR(WriteFileDurably(own_path, made + "\n", 0600));
  return MachineFingerprint(made);
}

Result<std::string> MachineFingerprint(std::string_view machine_id) {
  while (machine_id.ends_with('\n') || machine_id.ends_with(' ')) machine_id.remove_suffix(1);
  constexpr std::size_t kDigits = 32;
  if (machine_id.size() != kDigits ||
      machine_id.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
    return Invalid(
        "/etc/machine-id holds no machine id (32 hexadecimal digits); make one with "
        "`systemd-machine-id-setup`");
  }
  return Sha256("opssight machine " + std::string(machine_id)).substr(0, 16);
}

}  // namespace opssight
