// How names and resources of OTLP become Prometheus' labels: the settings of Prometheus'
// own `otlp:` section, by the same names and with the same defaults. Values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace opssight {

enum class OtlpStrategy : std::uint8_t {
  kUnderscoreEscapingWithSuffixes,     // http.server.duration, s -> http_server_duration_seconds
  kNoUtf8EscapingWithSuffixes,         // http.server.duration_seconds
  kUnderscoreEscapingWithoutSuffixes,  // http_server_duration
  kNoTranslation,                      // http.server.duration
};

struct OtlpTranslation {
  OtlpStrategy strategy = OtlpStrategy::kUnderscoreEscapingWithSuffixes;
  // Resource attributes that become labels of every series, not only of target_info.
  std::vector<std::string> promote;
  bool promote_all = false;         // All of them, but for ignore.
  std::vector<std::string> ignore;  // Only with promote_all.
  bool keep_identifying = false;    // service.name and its kin are on target_info as well.
  bool histograms_to_nhcb = false;  // Explicit buckets to native histograms of custom bounds.
  bool promote_scope = false;       // otel_scope_name, otel_scope_version, otel_scope_<attribute>.
  bool label_underscore_sanitization = true;        // _x -> key_x
  bool label_preserve_multiple_underscores = true;  // else a__b -> a_b

  bool escapes() const {
    return strategy == OtlpStrategy::kUnderscoreEscapingWithSuffixes ||
           strategy == OtlpStrategy::kUnderscoreEscapingWithoutSuffixes;
  }
  bool suffixes() const {
    return strategy == OtlpStrategy::kUnderscoreEscapingWithSuffixes ||
           strategy == OtlpStrategy::kNoUtf8EscapingWithSuffixes;
  }
};

}  // namespace opssight
