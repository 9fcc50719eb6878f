// Names of OTLP as Prometheus has them (the translation strategy
// "UnderscoreEscapingWithSuffixes", prometheus/otlptranslator). Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace opssight::otlp {

// "http.server.duration", "s" -> http_server_duration_seconds. Nothing if no
// character of the name is left.
std::optional<std::string> MetricName(std::string_view name, std::string_view unit,
                                      bool monotonic_sum, bool gauge);
// "k8s.pod.name" -> k8s_pod_name; "_x" -> key_x; "1x" -> key_1x; "__x" stays.
// Nothing if it would be empty or only underscores.
std::optional<std::string> LabelName(std::string_view key);

// Go's FormatFloat(value, 'f', -1, 64), as le and quantile are written.
std::string FormatFixed(double value);

}  // namespace opssight::otlp
