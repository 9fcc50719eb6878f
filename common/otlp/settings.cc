#include "common/otlp/settings.h"

namespace opssight {
namespace {

const OptionTable<OtlpLimits>& LimitsTable() {
  static const OptionTable<OtlpLimits> table{
      setting::Value("items_max", &OtlpLimits::items_max,
                     "Spans, records or points of one request.")
          .Min(1),
      setting::Size("item_bytes_max", &OtlpLimits::item_bytes_max, "One of them, encoded.")
          .Min(1024),
      setting::Size("decoded_bytes_max", &OtlpLimits::decoded_bytes_max,
                    "All of them in memory, about.")
          .Min(1 << 20),
      setting::Value("attributes_max", &OtlpLimits::attributes_max,
                     "Attributes of one span, event, link, resource or record.")
          .Max(4096),  // As batches are read (common/codec/batch), and labels_max.
      setting::Value("links_max", &OtlpLimits::links_max, "Links of one span; events, too."),
      setting::Size("value_bytes_max", &OtlpLimits::value_bytes_max, "A longer attribute is cut.")
          .Min(64),
      setting::Size("line_bytes_max", &OtlpLimits::line_bytes_max, "A longer log body is cut.")
          .Min(64),
      setting::Value("labels_max", &OtlpLimits::labels_max, "Labels of one series or stream.")
          .Min(8)
          .Max(64),
  };
  return table;
}

const OptionTable<OtlpTranslation>& TranslationTable() {
  static const OptionTable<OtlpTranslation> table{
      setting::Enum(
          "translation_strategy", &OtlpTranslation::strategy,
          {{"UnderscoreEscapingWithSuffixes", OtlpStrategy::kUnderscoreEscapingWithSuffixes},
           {"NoUTF8EscapingWithSuffixes", OtlpStrategy::kNoUtf8EscapingWithSuffixes},
           {"UnderscoreEscapingWithoutSuffixes", OtlpStrategy::kUnderscoreEscapingWithoutSuffixes},
           {"NoTranslation", OtlpStrategy::kNoTranslation}},
          "How metric and label names become Prometheus', as its setting of this name."),
      {"promote", &OtlpTranslation::promote,
       "Resource attributes that become labels of every series, not only of target_info."},
      {"promote_all_resource_attributes", &OtlpTranslation::promote_all,
       "All of them become labels, but for ignore_resource_attributes."},
      {"ignore_resource_attributes", &OtlpTranslation::ignore,
       "Only with promote_all_resource_attributes."},
      {"keep_identifying_resource_attributes", &OtlpTranslation::keep_identifying,
       "service.name, service.namespace and service.instance.id are on target_info, too."},
      {"convert_histograms_to_nhcb", &OtlpTranslation::histograms_to_nhcb,
       "Histograms of explicit bounds become native ones of custom buckets."},
      {"promote_scope_metadata", &OtlpTranslation::promote_scope,
       "Name, version and attributes of the scope become labels otel_scope_*."},
      {"label_name_underscore_sanitization", &OtlpTranslation::label_underscore_sanitization,
       "A label name with one leading underscore gets the prefix key."},
      {"label_name_preserve_multiple_underscores",
       &OtlpTranslation::label_preserve_multiple_underscores,
       "Underscores that follow each other in a label name stay."},
  };
  return table;
}

const OptionTable<OtlpMetricsOptions>& MetricsTable() {
  static const OptionTable<OtlpMetricsOptions> table{
      setting::Section("", &OtlpMetricsOptions::translation, TranslationTable(), ""),
      setting::Duration("future", &OtlpMetricsOptions::future_ms, TimeUnit::kMs,
                        "Data points further ahead of this machine's clock are rejected."),
      setting::Value("exponential_buckets_max", &OtlpMetricsOptions::exponential_buckets_max,
                     "Buckets of one native histogram; more are joined, two and two.")
          .Min(16)
          .Max(10'000),
      setting::Section("limits", &OtlpMetricsOptions::limits, LimitsTable(),
                       "What one request may hold."),
  };
  return table;
}

}  // namespace

const OptionTable<OtlpOptions>& OtlpServiceTable() {
  static const OptionTable<OtlpOptions> table{
      setting::Size("body_bytes_max", &OtlpOptions::body_bytes_max, "Size of a request, decoded.")
          .Min(1 << 20),
      setting::Value("pending_max", &OtlpOptions::pending_max,
                     "Requests that wait for the disk; above, senders are told to wait.")
          .Min(1),
      setting::Duration("retry_after", &OtlpOptions::retry_after_s, TimeUnit::kSeconds,
                        "How long refused senders are told to wait.")
          .Min(1),
      {"cors_origins", &OtlpOptions::cors_origins,
       "Browser pages that may send, such as https://*.example.com."},
      setting::Section("", &OtlpOptions::metrics, MetricsTable(), ""),
  };
  return table;
}

}  // namespace opssight
