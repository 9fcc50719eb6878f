// PartialJoiner puts a line back together that the container runtime wrote as several
// records. One for each container, kept across its files (a line may span a rotation);
// stdout and stderr interleave record by record, so each has its own buffer.
//
// A joined line is cut at bytes_max and says so; the rest is counted, not kept.
// Belongs to the file follower; not thread-safe.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace opssight {

class PartialJoiner {
 public:
  struct Options {
    std::size_t bytes_max = 1UL << 20;  // Of one joined line.
  };
  struct Line {
    std::int64_t time_ns = 0;  // Of the first record.
    std::string text;
    std::uint64_t cut_bytes = 0;  // Left out after bytes_max.
  };

  explicit PartialJoiner(Options options) : options_(options) {}

  // The whole line where this record ends it.
  std::optional<Line> Add(bool is_stderr, bool partial, std::int64_t time_ns,
                          std::string_view text) {
    std::optional<Line>& open = open_[is_stderr ? 1 : 0];
    if (!open) open = Line{.time_ns = time_ns, .text = {}, .cut_bytes = 0};
    const std::size_t take = std::min(text.size(), options_.bytes_max - open->text.size());
    open->text.append(text.substr(0, take));
    open->cut_bytes += text.size() - take;
    if (partial) return std::nullopt;
    return std::exchange(open, std::nullopt);
  }

  // What is there of an unfinished line: when no more records will come.
  std::optional<Line> Flush(bool is_stderr) {
    return std::exchange(open_[is_stderr ? 1 : 0], std::nullopt);
  }

  // A checkpoint must not pass the first record of an open line.
  bool open(bool is_stderr) const { return open_[is_stderr ? 1 : 0].has_value(); }

 private:
  const Options options_;
  std::array<std::optional<Line>, 2> open_;  // stdout, stderr.
};

}  // namespace opssight
