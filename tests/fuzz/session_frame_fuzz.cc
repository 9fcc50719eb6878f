// Any bytes, cut anywhere, give the same frames and the same error as at once; a
// frame written again and read again is the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/codec/session/frames.h"

using opssight::session::Decode;
using opssight::session::Encode;
using opssight::session::FrameReader;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t piece = 1 + data[0] % 48;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto read = [&](std::size_t piece_bytes) {
    FrameReader reader(4096);
    std::string out;
    for (std::size_t at = 0; at < stream.size(); at += piece_bytes) {
      reader.Feed(stream.substr(at, piece_bytes));
      for (;;) {
        auto next = reader.Next();
        if (!next) return out + "!" + next.error().message;
        if (!next->has_value()) break;
        const std::string bytes = Encode(**next);
        const auto again = Decode(std::string_view(bytes).substr(4));
        if (!again || !(*again == **next)) std::abort();
        out += bytes;
      }
      if (reader.buffered_bytes() > 4096 + 4 + piece_bytes) std::abort();
    }
    return out;
  };
  if (read(piece) != read(stream.size() + 1)) std::abort();
  return 0;
}
