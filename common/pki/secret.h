// Bytes that must not be guessed, and how to compare them. From the operating
// system's random source through OpenSSL; not repeatable, unlike common/base/random.h.
// Any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace opssight {

std::string RandomBytes(std::size_t size);
// A random (version 4) UUID in lower case, RFC 9562.
std::string RandomUuid();
// The UUID made of 16 bytes (version 4's form, whatever they are of).
std::string UuidOf(std::string bytes);
// SHA-256, 32 bytes.
std::string Sha256(std::string_view bytes);
// In a time that does not depend on where they differ.
bool SameSecret(std::string_view a, std::string_view b);

}  // namespace opssight
