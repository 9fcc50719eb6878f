#include "common/config/kind.h"

#include <limits>

#include "common/base/clock.h"
#include "common/config/merge.h"
#include "common/text/units.h"

namespace opssight {
namespace {

Status CheckAddress(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const std::string_view host = text.substr(0, colon == std::string_view::npos ? 0 : colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  const auto port = colon == std::string_view::npos
                        ? std::nullopt
                        : ParseInt<std::uint16_t>(text.substr(colon + 1));
  const bool host_ok = bracketed || host.find_first_of(":[] \t/") == std::string_view::npos;
  if (port && host_ok) return {};
  return Invalid(
      fmt::format("\"{}\" is not an address such as 127.0.0.1:9090, [::1]:9090 or :9090", text));
}

}  // namespace

void AddTextProblem(const ConfigNode& node, const std::string& path, const std::string& name,
                    const Error* error, ConfigReading& reading) {
  reading.problems.Add(node.origin, path, reading.secret ? "is not a " + name : error->message);
}

bool ExpectKind(const ConfigNode& node, ConfigNode::Kind kind, const std::string& path,
                ConfigReading& reading) {
  if (node.kind == kind) return true;
  const std::string_view wanted = kind == ConfigNode::Kind::kText   ? "a single value"
                                  : kind == ConfigNode::Kind::kList ? "a list"
                                                                    : "a map of keys";
  reading.problems.Add(node.origin, path, fmt::format("must be {}", wanted));
  return false;
}

ConfigNode SplitAtCommas(std::string_view text) {
  ConfigNode list;
  list.kind = ConfigNode::Kind::kList;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    std::string_view item = text.substr(0, comma);
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    if (!item.empty()) list.Append(ConfigNode::Text(std::string(item)));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return list;
}

void TextMapKind::Read(const ConfigNode& node, const std::string& path, void* value,
                       ConfigReading& reading) const {
  if (!ExpectKind(node, ConfigNode::Kind::kMap, path, reading)) return;
  std::map<std::string, std::string> map;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const std::string item_path = JoinKey(path, node.keys[i]);
    if (!ExpectKind(node.items[i], ConfigNode::Kind::kText, item_path, reading)) continue;
    map.emplace(node.keys[i], node.items[i].text);
  }
  *static_cast<std::map<std::string, std::string>*>(value) = std::move(map);
}

ConfigNode TextMapKind::Write(const void* value) const {
  ConfigNode node;
  node.kind = ConfigNode::Kind::kMap;
  for (const auto& [key, text] : *static_cast<const std::map<std::string, std::string>*>(value)) {
    node.Append(key, ConfigNode::Text(text));
  }
  return node;
}

TextForm<bool> BoolForm() {
  return {.name = "true or false",
          .parse = [](std::string_view text) -> Result<bool> {
            if (text == "true" || text == "yes" || text == "on") return true;
            if (text == "false" || text == "no" || text == "off") return false;
            return Invalid(fmt::format("\"{}\" is neither true nor false", text));
          },
          .format = [](const bool& value) -> std::string { return value ? "true" : "false"; }};
}

TextForm<std::string> StringForm() {
  return {.name = "text",
          .parse = [](std::string_view text) -> Result<std::string> { return std::string(text); },
          .format = [](const std::string& value) { return value; }};
}

TextForm<double> DoubleForm() {
  return {.name = "number",
          .parse = [](std::string_view text) -> Result<double> {
            const auto number = ParseDouble(text);
            const bool finite = number && *number - *number == 0;
            if (!finite) return Invalid(fmt::format("\"{}\" is not a number", text));
            return *number;
          },
          .format = [](const double& value) { return FormatDouble(value); }};
}

TextForm<std::string> AddressForm(bool empty_allowed) {
  return {.name = empty_allowed ? "host:port or \"\"" : "host:port",
          .parse = [empty_allowed](std::string_view text) -> Result<std::string> {
            if (!text.empty() || !empty_allowed) OPS_RETURN_IF_ERROR(CheckAddress(text));
            return std::string(text);
          },
          .format = [](const std::string& value) { return value; }};
}

Result<std::int64_t> ParseDurationText(std::string_view text) {
  if (const auto ms = ParsePromDurationMs(text)) return *ms;
  if (ParseInt<std::uint64_t>(text)) {
    return Invalid(fmt::format("\"{}\" has no unit; write {}s or {}ms", text, text, text));
  }
  return Invalid(fmt::format("\"{}\" is not a duration such as 1h30m, 10s or 500ms", text));
}

Result<std::uint64_t> ParseSizeText(std::string_view text) {
  if (const auto bytes = ParseByteSize(text)) return *bytes;
  return Invalid(fmt::format("\"{}\" is not a size such as 512MiB or 10GB", text));
}

std::optional<std::int64_t> FromMs(std::int64_t duration_ms, TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kNs: {
      std::int64_t ns = 0;
      if (__builtin_mul_overflow(duration_ms, kNsPerMs, &ns)) return std::nullopt;
      return ns;
    }
    case TimeUnit::kMs:
      return duration_ms;
    case TimeUnit::kSeconds:
      if (duration_ms % kMsPerSecond != 0) return std::nullopt;
      return duration_ms / kMsPerSecond;
  }
  return std::nullopt;
}

std::string FormatDuration(std::int64_t duration, TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kNs:
      return FormatDurationMs(duration / kNsPerMs);
    case TimeUnit::kMs:
      return FormatDurationMs(duration);
    case TimeUnit::kSeconds:
      return FormatDurationMs(duration * kMsPerSecond);
  }
  return "";
}

}  // namespace opssight
