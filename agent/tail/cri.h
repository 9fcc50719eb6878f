// One record of the CRI log format (containerd, CRI-O, podman's k8s-file):
//
//   2016-10-06T00:17:09.669794202Z stdout P log content
//
// P: the next record of the same stream goes on with this line; F: it ends here.
// Tags after a colon ("F:x:y") are skipped. Pure; views point into the line.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace opssight {

struct CriRecord {
  std::int64_t time_ns = 0;
  bool is_stderr = false;
  bool partial = false;
  std::string_view text;  // May be empty.
};

// line is without its '\n'. Nothing where it is not a record.
std::optional<CriRecord> ParseCriRecord(std::string_view line);

}  // namespace opssight
