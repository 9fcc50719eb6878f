// One record of Docker's json-file log:
//
//   {"log":"text\n","stream":"stdout","attrs":{…},"time":"2016-10-06T00:17:09.669794202Z"}
//
// Keys in any order; those unknown are skipped, whatever they hold. A line over 16 KiB
// comes as several records, of which only the last one's text ends with '\n'. Pure.
// Bad UTF-8 passes through as it is; a lone surrogate escape becomes U+FFFD.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace opssight {

struct DockerRecord {
  std::int64_t time_ns = 0;
  bool is_stderr = false;
  bool partial = false;   // No '\n' at the end of log: the line goes on.
  std::string_view text;  // Unescaped, without that '\n'. Valid while scratch is.
};

// line is without its '\n'. Nothing where it is not a record: bad JSON (nested deeper
// than 32 included), or no log, stream or time.
// scratch holds the text. Docker's own order of keys takes a path of its own: 0.5 ns a
// byte and 4 ns an escape.
std::optional<DockerRecord> ParseDockerRecord(std::string_view line, std::string& scratch);
// The same answer by the general path alone; what the fast one is tested against.
std::optional<DockerRecord> ParseDockerRecordAnyOrder(std::string_view line, std::string& scratch);

}  // namespace opssight
