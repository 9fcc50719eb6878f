// Cutting /proc texts: lines, fields, numbers. Views into the caller's text; nothing
// allocates.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace opssight {

// Takes the first line (without '\n') off text; false at the end.
bool NextLine(std::string_view& text, std::string_view& line);

// The fields of a line between blanks and tabs. What is behind kMax is left out: only
// the interrupt counts of /proc/stat have more, and of them the first is the sum.
class Fields {
 public:
  static constexpr std::size_t kMax = 256;

  Fields() = default;
  explicit Fields(std::string_view line) { Split(line); }
  void Split(std::string_view line);

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::string_view operator[](std::size_t at) const { return fields_[at]; }
  std::string_view back() const { return fields_[size_ - 1]; }

 private:
  std::array<std::string_view, kMax> fields_;
  std::size_t size_ = 0;
};

// A whole field as a double; false (and value untouched) for anything else.
bool Number(std::string_view field, double& value);
// As the kernel prints some counters: digits of base 16 without 0x.
bool HexNumber(std::string_view field, double& value);

// value * scale, by a division where scale is 1/10, 1/1000, …: 0.4 and not
// 0.39999999999999997, which every later stage would have to carry.
double Scaled(double value, double scale);

std::string_view Trim(std::string_view text);

}  // namespace opssight
