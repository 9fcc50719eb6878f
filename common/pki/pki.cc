#include "common/pki/pki.h"

#include <algorithm>
#include <climits>
#include <memory>
#include <utility>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "common/pki/secret.h"
#include "common/text/base64.h"

namespace opssight {
namespace {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using CertPtr = std::unique_ptr<X509, Deleter<X509_free>>;
using RequestPtr = std::unique_ptr<X509_REQ, Deleter<X509_REQ_free>>;
using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using BnPtr = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;

// What OpenSSL last complained of, in one line; its queue is empty afterwards.
std::string OpensslReason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "not understood" : reason;
}

Error PkiError(std::string_view doing) {
  return Invalid(std::string(doing) + ": " + OpensslReason());
}

BioPtr Reader(std::string_view bytes) {
  const int size = static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX));
  return BioPtr(BIO_new_mem_buf(bytes.data(), size));
}

template <class Write>
Result<std::string> ToPem(std::string_view doing, Write write) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  if (out == nullptr || write(out.get()) != 1) return PkiError(doing);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

Result<KeyPtr> ReadKey(const std::string& pem) {
  KeyPtr key(PEM_read_bio_PrivateKey(Reader(pem).get(), nullptr, nullptr, nullptr));
  if (key == nullptr) return PkiError("pki: private key");
  return key;
}

Result<CertPtr> ReadX509(std::string_view bytes) {
  CertPtr certificate;
  if (bytes.find("-----BEGIN") != std::string_view::npos) {
    certificate.reset(PEM_read_bio_X509(Reader(bytes).get(), nullptr, nullptr, nullptr));
  } else {
    certificate.reset(d2i_X509_bio(Reader(bytes).get(), nullptr));
  }
  if (certificate == nullptr) return PkiError("pki: certificate");
  return certificate;
}

Result<RequestPtr> ReadRequest(std::string_view csr_der) {
  if (csr_der.size() > kCsrBytesMax) return Exhausted("pki: request over 16 KiB");
  RequestPtr request(d2i_X509_REQ_bio(Reader(csr_der).get(), nullptr));
  if (request == nullptr) return PkiError("pki: certificate request");
  return request;
}

bool SetName(X509_NAME* name, const std::string& common_name) {
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common_name.data()),
                                    static_cast<int>(common_name.size()), -1, 0) == 1;
}

// Adds an extension written as in openssl.cnf. Values are ours, never input.
bool AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool AddName(GENERAL_NAMES* names, int type, const std::string& value) {
  GENERAL_NAME* name = GENERAL_NAME_new();
  if (name == nullptr) return false;
  if (type == GEN_IPADD) {
    ASN1_OCTET_STRING* address = a2i_IPADDRESS(value.c_str());
    if (address == nullptr) {
      GENERAL_NAME_free(name);
      return false;
    }
    GENERAL_NAME_set0_value(name, type, address);
  } else {
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, value.data(), static_cast<int>(value.size()));
    GENERAL_NAME_set0_value(name, type, text);
  }
  if (sk_GENERAL_NAME_push(names, name) > 0) return true;
  GENERAL_NAME_free(name);
  return false;
}

bool AddAlternativeNames(X509* certificate, const Subject& subject) {
  const NamesPtr names(sk_GENERAL_NAME_new_null());
  if (names == nullptr) return false;
  for (const std::string& value : subject.dns) {
    if (!AddName(names.get(), GEN_DNS, value)) return false;
  }
  for (const std::string& value : subject.ip) {
    if (!AddName(names.get(), GEN_IPADD, value)) return false;
  }
  for (const std::string& value : subject.uri) {
    if (!AddName(names.get(), GEN_URI, value)) return false;
  }
  if (sk_GENERAL_NAME_num(names.get()) == 0) return true;
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, 0) == 1;
}

// Version 3, a random serial of 127 bits (CA/Browser Forum baseline: at least 64),
// subject, times, key. Issuer and signature are the caller's.
Result<CertPtr> NewCertificate(const std::string& common_name, EVP_PKEY* key, Validity validity) {
  CertPtr certificate(X509_new());
  std::string serial = RandomBytes(16);
  serial[0] = static_cast<char>((serial[0] & 0x7f) | 0x40);
  const BnPtr number(BN_bin2bn(reinterpret_cast<const unsigned char*>(serial.data()),
                               static_cast<int>(serial.size()), nullptr));
  if (certificate == nullptr || number == nullptr ||
      X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())) == nullptr ||
      ASN1_TIME_set(X509_getm_notBefore(certificate.get()), validity.from_s) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(certificate.get()), validity.to_s) == nullptr ||
      !SetName(X509_get_subject_name(certificate.get()), common_name) ||
      X509_set_pubkey(certificate.get(), key) != 1) {
    return PkiError("pki: make certificate");
  }
  return certificate;
}

Result<std::string> SignAndWrite(X509* certificate, EVP_PKEY* key) {
  if (X509_sign(certificate, key, EVP_sha256()) == 0) return PkiError("pki: sign certificate");
  return ToPem("pki: write certificate",
               [&](BIO* out) { return PEM_write_bio_X509(out, certificate); });
}

std::string Asn1Text(const ASN1_STRING* text) {
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                     static_cast<std::size_t>(ASN1_STRING_length(text)));
}

Result<std::int64_t> UnixSeconds(const ASN1_TIME* time) {
  const std::unique_ptr<ASN1_TIME, Deleter<ASN1_STRING_free>> epoch(ASN1_TIME_set(nullptr, 0));
  int days = 0;
  int seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, epoch.get(), time) != 1) return PkiError("pki: time");
  return std::int64_t{days} * 86'400 + seconds;
}

std::string SpkiSha256(const X509_PUBKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(key, &der);
  if (size <= 0) return {};
  std::string digest =
      Sha256(std::string_view(reinterpret_cast<char*>(der), static_cast<std::size_t>(size)));
  OPENSSL_free(der);
  return digest;
}

std::vector<std::string> UrisOf(X509* certificate) {
  std::vector<std::string> uris;
  const NamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_URI) uris.push_back(Asn1Text(name->d.uniformResourceIdentifier));
  }
  return uris;
}

}  // namespace

Result<std::string> MakeKey() {
  const KeyPtr key(EVP_EC_gen("P-256"));
  if (key == nullptr) return PkiError("pki: make key");
  return ToPem("pki: write key", [&](BIO* out) {
    return PEM_write_bio_PKCS8PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

Result<KeyAndCertificate> MakeCa(const std::string& common_name, Validity validity) {
  OPS_TRY(std::string key_pem, MakeKey());
  OPS_TRY(const KeyPtr key, ReadKey(key_pem));
  OPS_TRY(const CertPtr certificate, NewCertificate(common_name, key.get(), validity));
  X509* const ca = certificate.get();
  if (X509_set_issuer_name(ca, X509_get_subject_name(ca)) != 1 ||
      !AddExtension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !AddExtension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !AddExtension(ca, ca, NID_subject_key_identifier, "hash")) {
    return PkiError("pki: make CA");
  }
  OPS_TRY(std::string certificate_pem, SignAndWrite(ca, key.get()));
  return KeyAndCertificate{.key_pem = std::move(key_pem),
                           .certificate_pem = std::move(certificate_pem)};
}

Result<std::string> MakeCsr(const std::string& key_pem, const std::string& common_name) {
  OPS_TRY(const KeyPtr key, ReadKey(key_pem));
  const RequestPtr request(X509_REQ_new());
  if (request == nullptr || !SetName(X509_REQ_get_subject_name(request.get()), common_name) ||
      X509_REQ_set_pubkey(request.get(), key.get()) != 1 ||
      X509_REQ_sign(request.get(), key.get(), EVP_sha256()) == 0) {
    return PkiError("pki: make request");
  }
  unsigned char* der = nullptr;
  const int size = i2d_X509_REQ(request.get(), &der);
  if (size <= 0) return PkiError("pki: write request");
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

Result<std::string> SignCsr(std::string_view csr_der, const KeyAndCertificate& ca,
                            const Subject& subject, Validity validity) {
  OPS_TRY(const RequestPtr request, ReadRequest(csr_der));
  EVP_PKEY* const key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || X509_REQ_verify(request.get(), key) != 1) {
    return PkiError("pki: certificate request's signature");
  }
  if (EVP_PKEY_is_a(key, "EC") != 1 || EVP_PKEY_get_bits(key) < 256) {
    return Invalid("pki: certificate request: want an elliptic-curve key of 256 bits or more");
  }
  OPS_TRY(const KeyPtr ca_key, ReadKey(ca.key_pem));
  OPS_TRY(const CertPtr issuer, ReadX509(ca.certificate_pem));
  OPS_TRY(const CertPtr certificate, NewCertificate(subject.common_name, key, validity));
  X509* const made = certificate.get();
  if (X509_set_issuer_name(made, X509_get_subject_name(issuer.get())) != 1 ||
      !AddExtension(made, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !AddExtension(made, issuer.get(), NID_key_usage, "critical,digitalSignature") ||
      !AddExtension(made, issuer.get(), NID_ext_key_usage,
                    subject.server ? "serverAuth" : "clientAuth") ||
      !AddExtension(made, issuer.get(), NID_authority_key_identifier, "keyid") ||
      !AddAlternativeNames(made, subject)) {
    return PkiError("pki: make certificate");
  }
  return SignAndWrite(made, ca_key.get());
}

Result<std::string> CsrSpkiSha256(std::string_view csr_der) {
  OPS_TRY(const RequestPtr request, ReadRequest(csr_der));
  return SpkiSha256(X509_REQ_get_X509_PUBKEY(request.get()));
}

Result<CertificateInfo> ReadCertificate(std::string_view pem_or_der) {
  OPS_TRY(const CertPtr certificate, ReadX509(pem_or_der));
  CertificateInfo info;
  const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate.get());
  info.serial = Hex(Asn1Text(serial));
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  if (const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1); at >= 0) {
    info.common_name = Asn1Text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  }
  info.uri = UrisOf(certificate.get());
  OPS_TRY(info.validity.from_s, UnixSeconds(X509_get0_notBefore(certificate.get())));
  OPS_TRY(info.validity.to_s, UnixSeconds(X509_get0_notAfter(certificate.get())));
  info.spki_sha256 = SpkiSha256(X509_get_X509_PUBKEY(certificate.get()));
  return info;
}

Result<bool> KeyMatches(const std::string& key_pem, const std::string& certificate_pem) {
  OPS_TRY(const KeyPtr key, ReadKey(key_pem));
  OPS_TRY(const CertPtr certificate, ReadX509(certificate_pem));
  const bool matches = X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  return matches;
}

std::string PinText(std::string_view spki_sha256) {
  std::string text = Base64(spki_sha256);
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  while (text.ends_with('=')) text.pop_back();
  return "sha256:" + text;
}

Result<std::string> ParsePin(std::string_view text) {
  constexpr std::string_view kPrefix = "sha256:";
  if (!text.starts_with(kPrefix)) return Invalid("pin: want sha256:<base64>");
  auto bytes = ParseBase64(text.substr(kPrefix.size()));
  if (!bytes || bytes->size() != 32) return Invalid("pin: want the base64 of 32 bytes");
  return *std::move(bytes);
}

}  // namespace opssight
