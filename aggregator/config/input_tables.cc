#include "aggregator/config/tables.h"

namespace opssight {
namespace {

const OptionTable<WriteLimits>& WriteLimitsTable() {
  static const OptionTable<WriteLimits> table{
      setting::Size("body_bytes_max", &WriteLimits::body_bytes_max,
                    "Size of a request, decompressed; a larger one is 413.")
          .Min(64 << 10)
          .Max(256 << 20),
      setting::Size("decoded_bytes_max", &WriteLimits::decoded_bytes_max,
                    "Memory that one request may take once decoded; above, 413.")
          .Min(1 << 20),
      setting::Value("series_max", &WriteLimits::series_max, "Series of one request; more are 413.")
          .Min(1),
      setting::Value("labels_max", &WriteLimits::labels_max,
                     "Labels of one series; one with more is left out and the answer is 400.")
          .Min(2)
          .Max(64),
      setting::Size("label_name_bytes_max", &WriteLimits::label_name_bytes_max,
                    "Length of a label name, with the same consequence.")
          .Min(16),
      setting::Size("label_value_bytes_max", &WriteLimits::label_value_bytes_max,
                    "Length of a label value, with the same consequence.")
          .Min(16),
      setting::Size("labels_bytes_max", &WriteLimits::labels_bytes_max,
                    "Names and values of all labels of a series, with the same consequence.")
          .Min(64),
  };
  return table;
}

const OptionTable<WriteRowsOptions>& RowsTable() {
  static const OptionTable<WriteRowsOptions> table{
      setting::Value("known_series_max", &WriteRowsOptions::series_max,
                     "Series remembered (24 bytes each), so that their labels are read once.")
          .Min(1000),
      setting::Value("known_layouts_max", &WriteRowsOptions::layouts_max,
                     "Sets of series remembered (64 bytes each).")
          .Min(1000),
  };
  return table;
}

const OptionTable<WriteIntakeOptions>& IntakeTable() {
  static const OptionTable<WriteIntakeOptions> table{
      setting::Section("", &WriteIntakeOptions::limits, WriteLimitsTable(), ""),
      setting::Section("", &WriteIntakeOptions::rows, RowsTable(), ""),
      setting::Value("histogram_buckets_max", &WriteIntakeOptions::histogram_buckets_max,
                     "Buckets of one native histogram.")
          .Min(1)
          .Max(10'000),  // As batches are read (common/codec/batch), and what follows.
      setting::Value("exemplar_runes_max", &WriteIntakeOptions::exemplar_runes_max,
                     "Characters of all labels of an exemplar; a longer one is left out.")
          .Max(128),
      setting::Duration("future", &WriteIntakeOptions::future_ms, TimeUnit::kMs,
                        "Samples further ahead of this machine's clock are refused."),
  };
  return table;
}

}  // namespace

const OptionTable<RemoteWriteOptions>& RemoteWriteTable() {
  static const OptionTable<RemoteWriteOptions> table{
      setting::Value("threads", &RemoteWriteOptions::threads, "Requests worked on at once.")
          .Min(1)
          .Max(64),
      setting::Value("waiting_max", &RemoteWriteOptions::waiting_max,
                     "Requests that wait for a thread; more are answered with 503.")
          .Min(1),
      setting::Duration("retry_after", &RemoteWriteOptions::retry_after_s, TimeUnit::kSeconds,
                        "What senders are told to wait with 503.")
          .Min(1),
      setting::Section("", &RemoteWriteOptions::intake, IntakeTable(), ""),
  };
  return table;
}

const OptionTable<ForwardOptions>& ForwardTable() {
  static const OptionTable<ForwardOptions> table{
      {"name", &ForwardOptions::name,
       "Names the receiver's position in our log; the URL does where this is empty."},
      setting::Value("url", &ForwardOptions::url, "Where the receiver takes remote write.")
          .Required(),
      {"basic_auth.username", &ForwardOptions::username, "User of HTTP basic authentication."},
      setting::Value("basic_auth.password", &ForwardOptions::password, "And the password.")
          .Secret(),
      setting::Value("bearer_token", &ForwardOptions::bearer_token,
                     "Sent as Authorization: Bearer.")
          .Secret(),
      {"tls_config.ca_file", &ForwardOptions::ca_file,
       "PEM file of the CA that the receiver's certificate is of. Empty: the system's."},
      {"tls_config.insecure_skip_verify", &ForwardOptions::insecure_skip_verify,
       "Take any certificate."},
      {"send_exemplars", &ForwardOptions::send_exemplars, "Whether exemplars are sent."},
      {"send_native_histograms", &ForwardOptions::send_native_histograms,
       "Whether native histograms are sent."},
      setting::Duration("remote_timeout", &ForwardOptions::timeout_ms, TimeUnit::kMs,
                        "Of one request.")
          .Min(100),
      setting::Value("queue_config.max_samples_per_send", &ForwardOptions::samples_per_send_max,
                     "Samples of one request.")
          .Min(1)
          .Max(100'000),
      setting::Duration("queue_config.min_backoff", &ForwardOptions::backoff_min_ms, TimeUnit::kMs,
                        "First wait after a failed request; doubled each time.")
          .Min(1),
      setting::Duration("queue_config.max_backoff", &ForwardOptions::backoff_max_ms, TimeUnit::kMs,
                        "Longest wait.")
          .Min(1),
      {"queue_config.retry_on_http_429", &ForwardOptions::retry_on_http_429,
       "Whether 429 is tried again; else what was sent is given up."},
      setting::Items("write_relabel_configs", &ForwardOptions::write_relabel, RelabelTable(),
                     "Prometheus' rules: which series are sent, and with which labels."),
      setting::Size("wal_bytes_max", &ForwardOptions::wal_bytes_max,
                    "The wal is kept for a receiver that is behind up to this size; then the "
                    "oldest goes unsent, and is counted.")
          .Min(1 << 20),
  };
  return table;
}

}  // namespace opssight
