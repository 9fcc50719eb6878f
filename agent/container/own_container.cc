#include "agent/container/own_container.h"

#include <algorithm>

namespace opssight {
namespace {

constexpr std::size_t kIdDigits = 64;

bool IsDigit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// The last run of exactly 64 hex digits; "" where there is none.
std::string_view LastId(std::string_view text) {
  std::string_view last;
  for (std::size_t at = 0; at < text.size();) {
    const auto* const start = text.begin() + at;
    const auto* const end = std::find_if_not(start, text.end(), IsDigit);
    const auto size = static_cast<std::size_t>(end - start);
    if (size == kIdDigits) last = text.substr(at, size);
    at += size + 1;
  }
  return last;
}

std::string_view TakeUntil(std::string_view& rest, char end) {
  const std::string_view out = rest.substr(0, rest.find(end));
  rest.remove_prefix(std::min(rest.size(), out.size() + 1));
  return out;
}

// Docker and podman mount files of the container's folder: id parent device root point …
std::string_view IdOfMount(std::string_view line) {
  for (int i = 0; i < 3; ++i) TakeUntil(line, ' ');
  const std::string_view root = TakeUntil(line, ' ');
  const std::string_view point = TakeUntil(line, ' ');
  if (point != "/etc/hostname" && point != "/etc/resolv.conf" && point != "/etc/hosts") return {};
  constexpr std::string_view kFolder = "containers/";
  const std::string_view id = LastId(root);
  if (id.empty()) return {};
  const std::string_view before = root.substr(0, static_cast<std::size_t>(id.data() - root.data()));
  return before.ends_with(kFolder) ? id : std::string_view();
}

}  // namespace

std::string OwnContainerId(std::string_view cgroup, std::string_view mountinfo) {
  std::string_view id = LastId(cgroup);
  while (id.empty() && !mountinfo.empty()) id = IdOfMount(TakeUntil(mountinfo, '\n'));
  return std::string(id);
}

}  // namespace opssight
