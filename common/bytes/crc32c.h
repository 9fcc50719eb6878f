// CRC-32C (Castagnoli, RFC 3720 B.4), as Prometheus' formats carry it. Eight bytes a step
// where the processor has the instruction, else one by a table. Any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace opssight {

std::uint32_t Crc32c(std::string_view bytes);

}  // namespace opssight
