// Certificates for tests, made with OpenSSL where they are needed.
#pragma once

#include <memory>
#include <string>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace opssight {

// A certificate with its key; signs others if it is a CA.
class TestCert {
 public:
  struct Options {
    const TestCert* issuer = nullptr;  // Null: self-signed.
    bool ca = false;
    std::string alt_name = "IP:127.0.0.1,DNS:localhost";
    long from_s = -3600;  // From now.
    long until_s = 3600;
  };

  explicit TestCert(const std::string& name) : TestCert(name, Options()) {}
  TestCert(const std::string& name, const Options& options) {
    key_.reset(EVP_EC_gen("P-256"));
    x509_.reset(X509_new());
    X509* x = x509_.get();
    X509_set_version(x, 2);
    static int serial = 1;
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), options.from_s);
    X509_gmtime_adj(X509_getm_notAfter(x), options.until_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    const TestCert& issuer = options.issuer == nullptr ? *this : *options.issuer;
    X509_set_issuer_name(x, X509_get_subject_name(issuer.x509_.get()));
    X509_set_pubkey(x, key_.get());
    Extend(NID_basic_constraints, options.ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (!options.ca) Extend(NID_subject_alt_name, options.alt_name);
    X509_sign(x, issuer.key_.get(), EVP_sha256());
  }

  std::string pem() const {
    const std::unique_ptr<BIO, Free> bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), x509_.get());
    return Text(bio.get());
  }
  std::string key_pem() const {
    const std::unique_ptr<BIO, Free> bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return Text(bio.get());
  }
  std::string der() const {
    unsigned char* bytes = nullptr;
    const int size = i2d_X509(x509_.get(), &bytes);
    std::string out(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return out;
  }

 private:
  struct Free {
    void operator()(X509* x) const { X509_free(x); }
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(BIO* bio) const { BIO_free(bio); }
  };
  static std::string Text(BIO* bio) {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(bio, &bytes);
    return {bytes, static_cast<std::size_t>(size)};
  }
  void Extend(int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, x509_.get(), x509_.get(), nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    X509_add_ext(x509_.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }

  std::unique_ptr<EVP_PKEY, Free> key_;
  std::unique_ptr<X509, Free> x509_;
};

}  // namespace opssight
