// A record and a state of the spool, as a damaged disk may give them.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/spool/record.h"
#include "agent/spool/state.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto record = opssight::DecodeRecord(bytes); record) {
    if (opssight::FrameIsWhole(*record) && opssight::EncodeRecord(*record) != bytes) {
      // Only the byte that is kept for later may differ.
      if (bytes[13] == 0 && bytes[12] <= 1) std::abort();
    }
  }
  if (const auto state = opssight::SpoolState::Decode(bytes); state) {
    const auto again = opssight::SpoolState::Decode(state->Encode());
    if (!again || !(again->numbering == state->numbering) || !(again->tombs == state->tombs)) {
      std::abort();
    }
    (void)state->numbering.next_seq();
    (void)state->numbering.KeysOf({0, ~std::uint64_t{0}});
  }
  return 0;
}
