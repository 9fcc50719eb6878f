#include "aggregator/config/tables.h"

namespace opssight {
namespace {

constexpr double kHourMs = 3600 * kMsPerSecond;

// The variables keep the names they had when Prometheus and Loki kept the data.
OptionTable<Retention> KeepTable(const std::string& time_variable,
                                 const std::string& size_variable) {
  return {
      setting::Duration("time", &Retention::keep_ms, TimeUnit::kMs,
                        "Age at which data goes. 0: never.")
          .Env(time_variable),
      setting::Size("size", &Retention::bytes_max,
                    "Bytes on disk above which the oldest days go. 0: no limit.")
          .Env(size_variable),
  };
}

OptionTable<SealOptions> SealTable() {
  return {
      setting::Duration("after", &SealOptions::after_ms, TimeUnit::kMs,
                        "How long after its end a day is sealed: its small pieces are merged."),
      setting::Duration("again_after", &SealOptions::again_after_ms, TimeUnit::kMs,
                        "A day into which something came late is sealed again at most this often.")
          .Min(kMsPerSecond),
      setting::Duration("retry", &SealOptions::retry_ms, TimeUnit::kMs,
                        "Wait after a day could not be sealed, as on a full disk.")
          .Min(kMsPerSecond),
      setting::Duration("tick", &SealOptions::tick_ms, TimeUnit::kMs,
                        "How often it is looked at which days are due.")
          .Min(10),
  };
}

}  // namespace

const OptionTable<StoreOptions>& RetentionTable() {
  static const OptionTable<StoreOptions> table{
      setting::Section("metrics", &StoreOptions::metrics,
                       KeepTable("PROMETHEUS_RETENTION_TIME", "PROMETHEUS_RETENTION_SIZE"),
                       "Metrics."),
      setting::Section("logs", &StoreOptions::logs, KeepTable("LOKI_RETENTION_PERIOD", ""),
                       "Logs."),
      setting::Section("spans", &StoreOptions::spans, KeepTable("", ""), "Traces."),
      setting::Section("gaps", &StoreOptions::gaps, KeepTable("", ""),
                       "Records of what was lost on the way."),
      setting::Duration("every", &StoreOptions::retention_every_ms, TimeUnit::kMs,
                        "How often age and size are looked at.")
          .Min(kMsPerSecond),
  };
  return table;
}

const OptionTable<StoreOptions>& StoreTable() {
  static const OptionTable<StoreOptions> table =
      OptionTable<StoreOptions>{
          setting::Duration("commit.window_min", &StoreOptions::window_min_ms, TimeUnit::kMs,
                            "Least time to gather batches for one commit under load."),
          setting::Duration("commit.window_max", &StoreOptions::window_max_ms, TimeUnit::kMs,
                            "Most time to gather batches for one commit.")
              .Max(kMsPerSecond),
          setting::Size("commit.group_bytes_max", &StoreOptions::group_bytes_max,
                        "Bytes at which a group is committed at once.")
              .Min(64 << 10),
          setting::Duration("commit.retry", &StoreOptions::retry_ms, TimeUnit::kMs,
                            "After a failed commit senders are told to wait this long.")
              .Min(10),
          setting::Size("batch_bytes_max", &StoreOptions::batch_bytes_max,
                        "A larger batch is refused.")
              .Min(1 << 20),
          setting::Duration("future", &StoreOptions::future_ms, TimeUnit::kMs,
                            "Records further ahead of our clock are refused, and counted.")
              .Min(60 * kMsPerSecond),
          setting::Size("in_flight_bytes_max", &StoreOptions::in_flight_bytes_max,
                        "Bytes taken and not yet applied; above, senders are told to wait.")
              .Min(1 << 20),
          setting::Duration("flush.age", &StoreOptions::flush_age_ms, TimeUnit::kMs,
                            "Age at which what is in memory goes to the day files.")
              .Min(kMsPerSecond)
              .Max(24 * kHourMs),
          setting::Size("flush.wal_bytes_max", &StoreOptions::wal_bytes_max,
                        "Size of the wal at which it is flushed. Ingest is refused at twice this.")
              .Min(1 << 20),
          setting::Size("flush.head_bytes_max", &StoreOptions::head_bytes_max,
                        "Memory of unflushed data at which it is flushed. Ingest is refused at "
                        "twice this.")
              .Min(1 << 20),
          setting::Size("flush.trim_bytes", &StoreOptions::trim_bytes,
                        "Bytes of the wal trimmed in one transaction.")
              .Min(64 << 10),
          setting::Duration("flush.retry", &StoreOptions::flush_retry_ms, TimeUnit::kMs,
                            "Wait after a failed flush.")
              .Min(10),
          setting::Duration("flush.tick", &StoreOptions::tick_ms, TimeUnit::kMs,
                            "How often age, sizes and the disk are looked at.")
              .Min(10),
          setting::Section("seal", &StoreOptions::seal, SealTable(), "Days that are over."),
          setting::Size("wal_map_bytes", &StoreOptions::wal_map_bytes,
                        "Largest size of wal.mdb; address space, not memory.")
              .Min(64 << 20),
          setting::Size("meta_map_bytes", &StoreOptions::meta_map_bytes,
                        "Largest size of meta.mdb (agents, tokens, state of the store).")
              .Min(16 << 20),
          setting::Size("disk_reserve_bytes", &StoreOptions::disk_reserve_bytes,
                        "Free disk below which ingest is refused; or the share below, whichever is "
                        "less. Queries go on."),
          setting::Value("disk_reserve_share", &StoreOptions::disk_reserve_share,
                         "The same as a share of the whole disk.")
              .Min(0)
              .Max(0.9),
          setting::Size("layout_cache_bytes", &StoreOptions::layout_cache_bytes,
                        "Layouts of metric targets kept decoded beyond their use."),
      }
          .With([](const StoreOptions& store, const ConfigReport& report) {
            if (store.window_min_ms > store.window_max_ms) {
              report("commit.window_min", "is above commit.window_max");
            }
            if (store.batch_bytes_max > store.in_flight_bytes_max) {
              report("in_flight_bytes_max", "must hold one batch of batch_bytes_max");
            }
            if (store.wal_bytes_max > store.wal_map_bytes / 4) {
              report("flush.wal_bytes_max", "must be at most a quarter of wal_map_bytes");
            }
          });
  return table;
}

const OptionTable<MetricsOptions>& MetricsTable() {
  static const OptionTable<MetricsOptions> table{
      setting::Size("block_bytes", &MetricsOptions::block_bytes,
                    "Size of one block in a day's file, about.")
          .Min(4 << 10)
          .Max(16 << 20),
      setting::Size("transaction_bytes_max", &MetricsOptions::transaction_bytes_max,
                    "Bytes written in one transaction of a flush.")
          .Min(64 << 10),
      setting::Size("day_bytes_max", &MetricsOptions::map_bytes,
                    "Largest size of one day on disk; address space, not memory.")
          .Min(64 << 20),
      setting::Size("day_index_bytes_max", &MetricsOptions::day_index_bytes_max,
                    "Memory for the indexes of days.")
          .Min(1 << 20),
      setting::Value("series_per_target_max", &MetricsOptions::series_per_target_max,
                     "Series that one scrape or export may have; 0: no limit."),
      setting::Value("series_per_metric_max", &MetricsOptions::series_per_metric_max,
                     "Series that one metric may have at a time; 0: no limit."),
      setting::Value("exemplars_head_max", &MetricsOptions::exemplars_head_max,
                     "Exemplars kept between two flushes; more are dropped."),
      setting::Value("exemplars_day_max", &MetricsOptions::exemplars_day_max,
                     "Exemplars kept of one day; more are dropped."),
      setting::Value("metadata_max", &MetricsOptions::metadata_max,
                     "Metric families whose type, help and unit are kept."),
      setting::Size("metadata_bytes_max", &MetricsOptions::metadata_bytes_max,
                    "Bytes of their names, helps and units; more are dropped.")
          .Min(64 << 10)
          .Max(256 << 20),
  };
  return table;
}

const OptionTable<LogsOptions>& LogsTable() {
  static const OptionTable<LogsOptions> table{
      setting::Size("block_bytes", &LogsOptions::block_raw_bytes,
                    "Raw size at which a block is closed.")
          .Min(64 << 10)
          .Max(16 << 20),
      setting::Size("open_bytes_max", &LogsOptions::open_bytes_max,
                    "Lines in memory that no block holds yet; above it blocks are closed early.")
          .Min(1 << 20),
      setting::Size("transaction_bytes_max", &LogsOptions::transaction_bytes_max,
                    "Bytes written in one transaction of a flush.")
          .Min(64 << 10),
      setting::Size("day_bytes_max", &LogsOptions::map_bytes,
                    "Largest size of one day on disk; address space, not memory.")
          .Min(64 << 20),
  };
  return table;
}

const OptionTable<SpansOptions>& SpansTable() {
  static const OptionTable<SpansOptions> table{
      setting::Value("block_spans", &SpansOptions::block_spans, "Spans at which a block is closed.")
          .Min(16)
          .Max(1 << 20),
      setting::Size("transaction_bytes_max", &SpansOptions::transaction_bytes_max,
                    "Bytes written in one transaction of a flush.")
          .Min(64 << 10),
      setting::Size("day_bytes_max", &SpansOptions::map_bytes,
                    "Largest size of one day on disk; address space, not memory.")
          .Min(64 << 20),
  };
  return table;
}

}  // namespace opssight
