#include "aggregator/enrol/ca_files.h"

#include <algorithm>
#include <arpa/inet.h>
#include <filesystem>
#include <system_error>
#include <utility>

#include "common/base/files.h"
#include "common/base/log.h"
#include "common/text/base64.h"

namespace opssight {
namespace {

constexpr std::int64_t kDayS = 86'400;
constexpr std::int64_t kCaWarnDays = 90;
constexpr std::int64_t kClockSkewS = 300;
constexpr std::size_t kPemBytesMax = 1UL << 20;

bool IsIp(const std::string& name) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(AF_INET, name.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, name.c_str(), bytes) == 1;
}

Status MakeFolder(const std::string& dir) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) return IoError("pki: create " + dir, error.value());
  return {};
}

Result<KeyAndCertificate> Load(const std::string& key_path, const std::string& certificate_path) {
  KeyAndCertificate out;
  OPS_TRY(out.key_pem, ReadFile(key_path, kPemBytesMax));
  OPS_TRY(out.certificate_pem, ReadFile(certificate_path, kPemBytesMax));
  OPS_TRY(const bool matches, KeyMatches(out.key_pem, out.certificate_pem));
  if (!matches) {
    return Invalid("pki: " + certificate_path + " is not the certificate of " + key_path);
  }
  return out;
}

// Key first: a certificate without its key would stop the next start.
Status Save(const KeyAndCertificate& made, const std::string& key_path,
            const std::string& certificate_path) {
  OPS_RETURN_IF_ERROR(WriteFileDurably(key_path, made.key_pem, 0600));
  return WriteFileDurably(certificate_path, made.certificate_pem, 0644);
}

}  // namespace

Result<KeyAndCertificate> LoadOrMakeCa(const std::string& dir, const CaOptions& options,
                                       std::int64_t now_s) {
  OPS_RETURN_IF_ERROR(MakeFolder(dir));
  const std::string key_path = dir + "/ca.key";
  const std::string certificate_path = dir + "/ca.pem";
  auto loaded = Load(key_path, certificate_path);
  if (loaded) {
    OPS_TRY(const CertificateInfo info, ReadCertificate(loaded->certificate_pem));
    if (info.validity.to_s <= now_s) {
      return Invalid("pki: " + certificate_path +
                     " has expired: agents refuse it; move ca.key and ca.pem away to get a new CA, "
                     "then enrol the agents again");
    }
    if (const std::int64_t days = (info.validity.to_s - now_s) / kDayS; days < kCaWarnDays) {
      OPS_LOG(kWarn,
              "pki: {} expires in {} days, and no agent connects after that; move ca.key and "
              "ca.pem away to get a new CA, then enrol the agents again",
              certificate_path, days);
    }
    return loaded;
  }
  // Only where neither is there: an unreadable CA must not be replaced by another.
  if (loaded.error().code != ErrorCode::kNotFound || std::filesystem::exists(certificate_path)) {
    return std::move(loaded).error();
  }
  OPS_TRY(KeyAndCertificate ca,
          MakeCa("OpsSight CA", {now_s - kClockSkewS, now_s + options.ca_days * kDayS}));
  OPS_RETURN_IF_ERROR(Save(ca, key_path, certificate_path));
  OPS_LOG(kInfo, "pki: made a CA for agents in {}", dir);
  return ca;
}

Result<KeyAndCertificate> LoadOrMakeServerCertificate(const std::string& dir,
                                                      const KeyAndCertificate& ca,
                                                      const std::vector<std::string>& names,
                                                      const CaOptions& options,
                                                      std::int64_t now_s) {
  Subject subject{.common_name = names.empty() ? "opssight-aggregator" : names.front(),
                  .server = true};
  for (const std::string& name : names) (IsIp(name) ? subject.ip : subject.dns).push_back(name);
  const std::string key_path = dir + "/server.key";
  const std::string certificate_path = dir + "/server.pem";
  // Names and CA are compared by what was asked for when it was made.
  OPS_TRY(const CertificateInfo ca_info, ReadCertificate(ca.certificate_pem));
  std::string asked = Hex(ca_info.spki_sha256) + "\n";
  for (const std::string& name : names) asked += name + "\n";
  const std::string asked_path = dir + "/server.names";
  const auto asked_before = ReadFile(asked_path, kPemBytesMax);
  if (asked_before && *asked_before == asked) {
    const auto loaded = Load(key_path, certificate_path);
    if (loaded) {
      OPS_TRY(const CertificateInfo info, ReadCertificate(loaded->certificate_pem));
      // Near the CA's end there is no longer one to be had.
      if (info.validity.to_s - now_s > options.server_days * kDayS / 3 ||
          (info.validity.to_s >= ca_info.validity.to_s && info.validity.to_s > now_s)) {
        return *loaded;
      }
    }
  }
  OPS_TRY(const std::string key, MakeKey());
  OPS_TRY(const std::string csr, MakeCsr(key, subject.common_name));
  OPS_TRY(std::string certificate,
          SignCsr(csr, ca, subject,
                  {now_s - kClockSkewS,
                   std::min(now_s + options.server_days * kDayS, ca_info.validity.to_s)}));
  KeyAndCertificate made{.key_pem = key, .certificate_pem = certificate};
  OPS_RETURN_IF_ERROR(Save(made, key_path, certificate_path));
  OPS_RETURN_IF_ERROR(WriteFileDurably(asked_path, asked, 0644));
  return made;
}

}  // namespace opssight
