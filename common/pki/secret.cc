#include "common/pki/secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "common/base/check.h"
#include "common/text/base64.h"

namespace opssight {

std::string RandomBytes(std::size_t size) {
  std::string bytes(size, '\0');
  // Fails only without a random source, and then nothing of ours may go on.
  OPS_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(size)) == 1,
            "no random bytes from the system");
  return bytes;
}

std::string RandomUuid() {
  return UuidOf(RandomBytes(16));
}

std::string UuidOf(std::string bytes) {
  OPS_CHECK(bytes.size() == 16, "a UUID of {} bytes", bytes.size());
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  std::string text = Hex(bytes);
  for (const std::size_t at : {8U, 13U, 18U, 23U}) text.insert(at, "-");
  return text;
}

std::string Sha256(std::string_view bytes) {
  std::string digest(32, '\0');
  unsigned int size = 0;
  OPS_CHECK(EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()),
                       &size, EVP_sha256(), nullptr) == 1,
            "SHA-256 failed");
  return digest;
}

bool SameSecret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace opssight
