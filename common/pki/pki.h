// The certificates of agents and aggregator: a CA of the aggregator's own, keys
// (ECDSA P-256), signing requests, X.509 certificates (RFC 5280). PEM and DER in,
// PEM and DER out; no file, no clock: times come in as unix seconds.
//
//   OPS_TRY(KeyAndCertificate ca, MakeCa("OpsSight CA", validity));
//   OPS_TRY(std::string key, MakeKey());                    // on the agent
//   OPS_TRY(std::string csr, MakeCsr(key, "host"));
//   OPS_TRY(std::string pem, SignCsr(csr, ca, subject, validity));  // on the aggregator
//
// What a request asks for beyond its key is ignored: the signer says the subject.
// Any bytes may come in; what is not a request or certificate is kInvalid. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace opssight {

struct Validity {
  std::int64_t from_s = 0;  // Unix seconds, inclusive.
  std::int64_t to_s = 0;
};

struct KeyAndCertificate {
  std::string key_pem;  // PKCS #8.
  std::string certificate_pem;
};

// What the signer says of the holder.
struct Subject {
  std::string common_name;
  std::vector<std::string> dns;  // Subject alternative names; IP literals go to `ip`.
  std::vector<std::string> ip;
  std::vector<std::string> uri;
  bool server = false;  // Extended key usage: serverAuth; otherwise clientAuth.
};

struct CertificateInfo {
  std::string serial;  // Lower-case hex.
  std::string common_name;
  std::vector<std::string> uri;
  Validity validity;
  std::string spki_sha256;  // 32 bytes, RFC 7469.
};

Result<std::string> MakeKey();
Result<KeyAndCertificate> MakeCa(const std::string& common_name, Validity validity);
// DER (RFC 2986), signed with key_pem.
Result<std::string> MakeCsr(const std::string& key_pem, const std::string& common_name);
// Checks that the requester holds the key. csr_der at most kCsrBytesMax.
inline constexpr std::size_t kCsrBytesMax = 16UL << 10;
Result<std::string> SignCsr(std::string_view csr_der, const KeyAndCertificate& ca,
                            const Subject& subject, Validity validity);

// SHA-256 of the key that a request is for, as CertificateInfo has it. Whether the requester
// holds the key SignCsr checks.
Result<std::string> CsrSpkiSha256(std::string_view csr_der);

// The first certificate of a PEM text, or DER.
Result<CertificateInfo> ReadCertificate(std::string_view pem_or_der);
// "a certificate matches its key".
Result<bool> KeyMatches(const std::string& key_pem, const std::string& certificate_pem);

// "sha256:<base64url of spki_sha256>", as people copy it; and back, 32 bytes.
std::string PinText(std::string_view spki_sha256);
Result<std::string> ParsePin(std::string_view text);

}  // namespace opssight
