// What the names and paths of log files say: which are older files of which live one,
// and which pod or container they belong to. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace opssight {

// One path component against *, ?, [a-z], [!a-z]. A leading '.' must be matched by name.
bool MatchName(std::string_view pattern, std::string_view name);
// A whole path; a component ** matches any number of components.
bool MatchPath(std::string_view pattern, std::string_view path);

// How name is an older file of the live file base, as rotation by logrotate, Docker,
// kubelet or a logging library names it; nothing where it is not one.
//   app.log.1  app.log.2.gz  app.log-20260101  app.log.20260101-101112.gz  app.log.old
//   app-20260101.log  app-2026-01-01T10-11-12.345.log.gz
struct RotatedName {
  enum class Kind { kNumber, kDate, kOther };
  Kind kind = Kind::kOther;
  std::string digits;  // Of the number or date, without separators or leading zeros.
  bool gz = false;
};
std::optional<RotatedName> ParseRotatedName(std::string_view base, std::string_view name);

// Live names of which name may be an older file: "app.log.1" -> "app.log".
std::vector<std::string> LiveNamesOf(std::string_view name);

// /var/log/pods/<namespace>_<pod>_<uid>/<container>/<restart>.log
struct PodPath {
  std::string_view pod_namespace;
  std::string_view pod;
  std::string_view container;
};
std::optional<PodPath> ParsePodPath(std::string_view path);
// /var/log/containers/<pod>_<namespace>_<container>-<64 hex digits>.log
std::optional<PodPath> ParseContainersLink(std::string_view path);

// Name of a label: other characters than [a-zA-Z0-9_] as '_', and one in front of a digit.
std::string LabelName(std::string_view name);

}  // namespace opssight
