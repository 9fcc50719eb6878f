#include "agent/tail/cri.h"

#include "common/text/time.h"

namespace opssight {
namespace {

// The text up to the next space, which is taken too; nothing without a space.
std::optional<std::string_view> TakeField(std::string_view& line) {
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const std::string_view field = line.substr(0, space);
  line.remove_prefix(space + 1);
  return field;
}

}  // namespace

std::optional<CriRecord> ParseCriRecord(std::string_view line) {
  const auto time = TakeField(line);
  if (!time) return std::nullopt;
  const auto stream = TakeField(line);
  if (!stream || (*stream != "stdout" && *stream != "stderr")) return std::nullopt;
  const auto tags = TakeField(line);
  if (!tags) return std::nullopt;
  const std::string_view tag = tags->substr(0, tags->find(':'));
  if (tag != "P" && tag != "F") return std::nullopt;
  const auto time_ns = ParseRfc3339Ns(*time);
  if (!time_ns) return std::nullopt;
  return CriRecord{
      .time_ns = *time_ns, .is_stderr = *stream == "stderr", .partial = tag == "P", .text = line};
}

}  // namespace opssight
