// Lines for the tests of log blocks: such as services write, and hostile ones.
#pragma once

#include <string>
#include <vector>

#include "aggregator/store/logs/block.h"
#include "common/base/random.h"

namespace opssight {

// A line of one of several shapes; now and then broken, odd or no JSON at all.
inline std::string RandomLine(Random& random) {
  static const std::vector<std::string> kPieces = {"{",
                                                   "}",
                                                   "\"a\":",
                                                   "\"level\":\"",
                                                   "\"",
                                                   ",",
                                                   ":",
                                                   "12",
                                                   "-0",
                                                   "0.50",
                                                   "abcdef0123",
                                                   "[1,[2]]",
                                                   "error",
                                                   "\\\"",
                                                   "null",
                                                   "\"\":\"",
                                                   "{\"b\":",
                                                   " ",
                                                   "\\",
                                                   "user_",
                                                   "2025-01-20T15:30:45.123Z",
                                                   "deadbeefdeadbeefdeadbeef"};
  static const std::vector<std::string> kWords = {"error", "info",   "timeout", "deadbeef",
                                                  "",      "a\\\"b", "{}",      "caf\xc3\xa9"};
  const auto word = [&] { return kWords[random.Below(kWords.size())]; };
  const auto hex = [&](std::size_t size) {
    std::string out;
    while (out.size() < size) out.push_back("0123456789abcdef"[random.Below(16)]);
    return out;
  };
  std::string line;
  switch (random.Below(8)) {
    case 0:  // Pieces in any order.
      for (std::uint64_t i = 0, n = random.Below(12); i < n; ++i) {
        line += kPieces[random.Below(kPieces.size())];
      }
      return line;
    case 1:  // Any bytes.
      for (std::uint64_t i = 0, n = random.Below(40); i < n; ++i) {
        line.push_back(static_cast<char>(random.Below(256)));
      }
      return line;
    case 2:
      return "plain text " + word() + " " + std::to_string(random.Below(1000)) + " id=" + hex(20);
    case 3:
      return "{ \"level\" : \"" + word() + "\", \"n\": " + std::to_string(random.Below(50)) +
             ", \"user\":\"user_" + std::to_string(random.Below(100'000)) + "\" } ";
    default:
      break;
  }
  const std::string id = hex(8) + "-" + hex(4) + "-" + hex(4) + "-" + hex(4) + "-" + hex(12);
  const std::string ms = std::to_string(1000 + random.Below(1000)).substr(1);
  line = "{\"timestamp\":\"2025-01-20T15:30:" + std::to_string(10 + random.Below(50)) + "." + ms +
         "Z\",\"level\":\"" + word() + "\",\"message\":\"" + word() + " took " +
         std::to_string(random.Below(90)) + "ms " + word() + "\",\"context\":{\"request_id\":\"" +
         id + "\"";
  if (random.Below(2) == 0) line += ",\"trace\":\"" + hex(random.Below(20) == 0 ? 31 : 32) + "\"";
  line +=
      ",\"ratio\":" + std::to_string(random.Below(100)) + "." + std::to_string(random.Below(10));
  line += ",\"span\":\"req_" + hex(16) + "\",\"took\":\"" + std::to_string(random.Below(500)) +
          "ms\"},\"tags\":[\"" + word() + "\"," + std::to_string(random.Below(3)) + "]}";
  return line;
}

// Part of one of the lines, sometimes with a byte changed.
inline std::string RandomNeedle(Random& random, const std::vector<std::string>& lines) {
  const std::string& line = lines[random.Below(lines.size())];
  if (line.empty()) return "x";
  const std::size_t from = random.Below(line.size());
  std::string needle = line.substr(from, 1 + random.Below(random.Below(3) == 0 ? 60 : 12));
  if (random.Below(4) == 0) needle[random.Below(needle.size())] = "ax0\"-"[random.Below(5)];
  return needle;
}

}  // namespace opssight
