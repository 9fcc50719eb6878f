// Doubles as XOR with the one before (Pelkonen et al., "Gorilla", VLDB 2015): for
// series that are not decimal numbers. The format is in README.md. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace opssight {

void EncodeXor(std::span<const double> values, std::string& out);
bool DecodeXor(std::string_view bytes, std::span<double> out);

}  // namespace opssight
