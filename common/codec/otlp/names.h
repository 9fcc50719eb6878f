// Names of OTLP as Prometheus has them, by a translation strategy (prometheus/otlptranslator).
// Texts given are UTF-8. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/codec/otlp/translation.h"

namespace opssight::otlp {

// "http.server.duration", "s" -> http_server_duration_seconds. Nothing if no
// character of the name is left.
std::optional<std::string> MetricName(std::string_view name, std::string_view unit,
                                      bool monotonic_sum, bool gauge,
                                      const OtlpTranslation& translation = {});
// "k8s.pod.name" -> k8s_pod_name; "_x" -> key_x; "1x" -> key_1x; "__x" stays.
// Nothing if it would be empty or only underscores.
std::optional<std::string> LabelName(std::string_view key, const OtlpTranslation& translation = {});

// "By/s" -> bytes_per_second: the unit as names have it; "" for none.
std::string UnitName(std::string_view unit);

// Go's FormatFloat(value, 'f', -1, 64), as le and quantile are written.
std::string FormatFixed(double value);

}  // namespace opssight::otlp
