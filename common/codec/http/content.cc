#include "common/codec/http/content.h"

#include <algorithm>
#include <array>
#include <memory>
#include <zlib.h>

#include <zstd.h>

#include "common/base/check.h"

namespace opssight {
namespace {

constexpr std::size_t kStepBytes = 64UL << 10;
constexpr int kGzipWindow = 15 + 16;  // zlib.h: gzip format.
constexpr int kAutoWindow = 15 + 32;  // zlib.h: gzip or zlib, by its first bytes.

Error TooLarge(std::size_t bytes_max) {
  return Exhausted(fmt::format("body is larger than {} bytes once decoded", bytes_max));
}

struct Inflater {
  z_stream z{};
  Inflater() { OPS_CHECK(inflateInit2(&z, kAutoWindow) == Z_OK, "zlib: no memory"); }
  ~Inflater() { inflateEnd(&z); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
};

Result<std::string> Inflate(std::string_view bytes, std::size_t bytes_max) {
  Inflater inflater;
  z_stream& z = inflater.z;
  std::string out;
  std::array<char, kStepBytes> step;
  std::size_t fed = 0;
  for (;;) {
    if (z.avail_in == 0) {
      const std::size_t piece = std::min<std::size_t>(bytes.size() - fed, 1UL << 30);
      z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + fed));
      z.avail_in = static_cast<uInt>(piece);
      fed += piece;
    }
    z.next_out = reinterpret_cast<Bytef*>(step.data());
    z.avail_out = static_cast<uInt>(step.size());
    const int rc = inflate(&z, Z_NO_FLUSH);
    const std::size_t made = step.size() - z.avail_out;
    if (out.size() + made > bytes_max) return TooLarge(bytes_max);
    out.append(step.data(), made);
    if (rc == Z_STREAM_END) {
      if (z.avail_in == 0 && fed == bytes.size()) return out;
      if (inflateReset(&z) != Z_OK) return Invalid("gzip: bad member");  // The next member.
      continue;
    }
    if (rc != Z_OK) return Invalid("gzip: bad or cut-off data");
  }
}

struct FreeDStream {
  void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
};

Result<std::string> Unzstd(std::string_view bytes, std::size_t bytes_max) {
  const std::unique_ptr<ZSTD_DStream, FreeDStream> stream(ZSTD_createDStream());
  OPS_CHECK(stream != nullptr, "zstd: no memory");
  // A window above 8 MiB is memory a stranger would have us take (RFC 8878 3.1.1.1.2).
  ZSTD_DCtx_setParameter(stream.get(), ZSTD_d_windowLogMax, 23);
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  std::string out;
  std::array<char, kStepBytes> step;
  std::size_t left = 1;
  for (;;) {
    ZSTD_outBuffer piece{step.data(), step.size(), 0};
    const std::size_t before = in.pos;
    left = ZSTD_decompressStream(stream.get(), &piece, &in);
    if (ZSTD_isError(left) != 0) return Invalid("zstd: bad data");
    if (out.size() + piece.pos > bytes_max) return TooLarge(bytes_max);
    out.append(step.data(), piece.pos);
    if (in.pos == in.size && piece.pos < piece.size) {
      if (left != 0) return Invalid("zstd: cut-off data");
      return out;
    }
    if (in.pos == before && piece.pos == 0) return Invalid("zstd: bad data");
  }
}

}  // namespace

std::string GzipEncode(std::string_view bytes) {
  z_stream z{};
  OPS_CHECK(deflateInit2(&z, 1, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) == Z_OK,
            "zlib: no memory");
  std::string out;
  std::array<char, kStepBytes> step;
  int rc = Z_OK;
  std::size_t fed = 0;
  do {
    if (z.avail_in == 0) {
      const std::size_t piece = std::min<std::size_t>(bytes.size() - fed, 1UL << 30);
      z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + fed));
      z.avail_in = static_cast<uInt>(piece);
      fed += piece;
    }
    z.next_out = reinterpret_cast<Bytef*>(step.data());
    z.avail_out = static_cast<uInt>(step.size());
    rc = deflate(&z, fed == bytes.size() ? Z_FINISH : Z_NO_FLUSH);
    out.append(step.data(), step.size() - z.avail_out);
  } while (rc == Z_OK);
  deflateEnd(&z);
  return out;
}

Result<std::string> DecodeContent(std::string_view coding, std::string_view bytes,
                                  std::size_t bytes_max) {
  if (coding.empty() || coding == "identity") {
    if (bytes.size() > bytes_max) return TooLarge(bytes_max);
    return std::string(bytes);
  }
  if (coding == "gzip" || coding == "x-gzip" || coding == "deflate") {
    return Inflate(bytes, bytes_max);
  }
  if (coding == "zstd") return Unzstd(bytes, bytes_max);
  return NotFound(fmt::format("content coding \"{}\" is not supported", coding));
}

}  // namespace opssight
