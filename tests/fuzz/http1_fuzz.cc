// Any bytes, cut anywhere, give the same requests and the same error as at once.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/codec/http/content.h"
#include "common/codec/http/http1.h"
#include "common/codec/http/url.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t piece = 1 + data[0] % 32;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto parse = [&](std::size_t piece_bytes) {
    opssight::Http1Parser parser(opssight::Http1Options{
        .header_bytes_max = 4096, .body_bytes_max = 4096, .chunk_extension_bytes_max = 64});
    std::string out;
    for (std::size_t at = 0; at < stream.size(); at += piece_bytes) {
      parser.Feed(stream.substr(at, piece_bytes));
      for (;;) {
        auto next = parser.Next();
        if (!next) {
          if (parser.error_status() < 400) std::abort();
          return out + "!";
        }
        if (!next->has_value()) break;
        out += (*next)->method + " " + (*next)->target + " " + (*next)->body + "\n";
        opssight::Params params;
        (void)opssight::ParseForm((*next)->target, params);
      }
    }
    return out;
  };
  if (parse(piece) != parse(stream.size() + 1)) std::abort();
  for (const char* coding : {"gzip", "zstd"}) {
    const auto decoded = opssight::DecodeContent(coding, stream, 1 << 16);
    if (decoded && decoded->size() > 1 << 16) std::abort();
  }
  return 0;
}
