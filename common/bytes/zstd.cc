#include "common/bytes/zstd.h"

#include <memory>

#include <fmt/core.h>
#include <zstd.h>

#include "common/base/check.h"

namespace opssight {
namespace {

struct Free {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

}  // namespace

std::string ZstdCompress(std::string_view bytes, int level) {
  thread_local const std::unique_ptr<ZSTD_CCtx, Free> context(ZSTD_createCCtx());
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  const std::size_t size =
      ZSTD_compressCCtx(context.get(), out.data(), out.size(), bytes.data(), bytes.size(), level);
  OPS_CHECK(ZSTD_isError(size) == 0, "zstd: {}", ZSTD_getErrorName(size));
  out.resize(size);
  return out;
}

Status ZstdDecompress(std::string_view frame, std::size_t bytes_max, std::string& out) {
  const unsigned long long declared = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (declared == ZSTD_CONTENTSIZE_ERROR) return Corrupt("zstd: not a frame");
  if (declared == ZSTD_CONTENTSIZE_UNKNOWN) return Corrupt("zstd: frame without content size");
  if (declared > bytes_max) {
    return Exhausted(fmt::format("zstd: frame of {} bytes, limit {}", declared, bytes_max));
  }
  thread_local const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  const std::size_t before = out.size();
  out.resize(before + declared);
  const std::size_t size =
      ZSTD_decompressDCtx(context.get(), out.data() + before, declared, frame.data(), frame.size());
  if (ZSTD_isError(size) != 0 || size != declared) {
    out.resize(before);
    return Corrupt(fmt::format(
        "zstd: {}", ZSTD_isError(size) != 0 ? ZSTD_getErrorName(size) : "shorter than declared"));
  }
  return {};
}

}  // namespace opssight
