#include "aggregator/main/own_metrics.h"

#include <string>

#include "common/selfmon/adder.h"

namespace opssight {
void AddStoreMetrics(Registry& registry, const StoreStats& stats) {
  MetricAdder add(registry, "opssight_store_");
  add.Total("commits", "Transactions of the wal.", stats.commits);
  add.Total("committed_batches", "Batches made durable.", stats.committed_batches);
  add.Total("committed_bytes", "Their bytes.", stats.committed_bytes);
  add.Seconds("commit", "Time spent in commits.", stats.commit_us);
  add.Total("commit_errors", "Commits that failed; their senders try again.", stats.commit_errors);
  add.Total("duplicate_batches", "Batches that were durable before.", stats.duplicates);
  add.Total("conflicting_batches", "Duplicates with other bytes than what was stored.",
            stats.conflicts);
  add.Total("out_of_order_batches", "Batches refused by the order of their numbers.",
            stats.out_of_order);
  constexpr const char* kRejected = "Batches refused, by reason.";
  add.Total("rejected_batches", kRejected, stats.rejected_full, {{"reason", "full"}});
  add.Total("rejected_batches", kRejected, stats.rejected_invalid, {{"reason", "invalid"}});
  add.Total("rejected_batches", kRejected, stats.rejected_stopping, {{"reason", "stopping"}});
  add.Total("rejected_batches", kRejected, stats.rejected_disk, {{"reason", "disk"}});
  add.Total("rejected_batches", kRejected, stats.rejected_flush, {{"reason", "flush"}});
  add.Total("rejected_batches", kRejected, stats.rejected_commit, {{"reason", "commit"}});
  add.Level("in_flight_bytes", "Bytes submitted and not yet applied.", stats.in_flight_bytes);
  add.Level("wal_entries", "Entries of the wal.", stats.wal_entries);
  add.Level("wal_bytes", "Their bytes.", stats.wal_bytes);
  add.Total("replayed_batches", "Batches read back from the wal at the start.",
            stats.replayed_batches);
  constexpr const char* kCorrupt = "Records that failed their checksum, and were left out.";
  add.Total("corrupt_records", kCorrupt, stats.corrupt_entries, {{"table", "wal"}});
  add.Total("corrupt_records", kCorrupt, stats.corrupt_layouts, {{"table", "layouts"}});
  add.Total("corrupt_records", kCorrupt, stats.corrupt_agents, {{"table", "agents"}});
  add.Total("flushes", "Flushes of heads to day environments.", stats.flushes);
  add.Total("flush_errors", "Flushes that failed, to be tried again.", stats.flush_errors);
  add.Seconds("flush", "Time spent in flushes.", stats.flush_us);
  add.Total("flushed_bytes", "Bytes of the wal that went to day environments.",
            stats.flushed_bytes);
  add.Total("trim_errors", "Failed attempts to trim the wal.", stats.trim_errors);
  add.Total("retention_runs", "Runs of retention.", stats.retention_runs);
  add.Total("retention_errors", "Runs that failed.", stats.retention_errors);
  add.Total("retention_bytes", "Bytes freed by retention.", stats.retention_bytes);
  add.Total("retention_skipped", "Runs left out, since the clock had jumped.",
            stats.retention_skipped);
  add.Total("sealed_days", "Days that were over and got their lasting form.", stats.sealed_days);
  add.Total("seal_errors", "Attempts that failed; the day stayed as it was.", stats.seal_errors);
  add.Seconds("seal", "Time spent sealing days.", stats.seal_us);
  add.Level("layouts", "Layouts known.", stats.layouts);
  add.Total("layouts_trimmed", "Layouts forgotten.", stats.layouts_trimmed);
  add.Level("disk_free_bytes", "Free bytes of the data folder's file system.",
            stats.disk_free_bytes);
}

void AddSignalMetrics(Registry& registry, StoreSignal signal, const SignalStore& store) {
  const Labels labels{{"signal", std::string(ToString(signal))}};
  registry.AddCallback(
      "opssight_store_disk_bytes", "Bytes of day environments on disk.", MetricType::kGauge,
      [&store] { return static_cast<double>(store.disk_bytes()); }, labels);
  registry.AddCallback(
      "opssight_store_head_bytes", "Memory held by the head, about.", MetricType::kGauge,
      [&store] { return static_cast<double>(store.head_bytes()); }, labels);
  registry.AddCallback(
      "opssight_store_refused_records_total",
      "Records with an impossible time, or one too far ahead.", MetricType::kCounter,
      [&store] { return static_cast<double>(store.refused_records()); }, labels);
}

void AddSeriesMetrics(Registry& registry, const MetricsStore& store) {
  const auto add = [&](const char* name, const char* help, MetricType type,
                       std::uint64_t (MetricsStore::*value)() const) {
    registry.AddCallback(name, help, type,
                         [&store, value] { return static_cast<double>((store.*value)()); });
  };
  add("opssight_metrics_samples_total", "Samples stored.", MetricType::kCounter,
      &MetricsStore::samples_applied);
  add("opssight_metrics_head_series", "Series with a recent row.", MetricType::kGauge,
      &MetricsStore::head_series);
  add("opssight_metrics_unknown_layout_rows_total", "Rows lost for want of their layout.",
      MetricType::kCounter, &MetricsStore::unknown_layout_rows);
  add("opssight_metrics_refused_rows_total", "Rows with an impossible time or shape.",
      MetricType::kCounter, &MetricsStore::refused_rows);
  add("opssight_metrics_limited_samples_total", "Samples above a limit of series.",
      MetricType::kCounter, &MetricsStore::limited_samples);
  add("opssight_metrics_tombstones", "Deletions that wait to be cleaned.", MetricType::kGauge,
      &MetricsStore::tombstones);
  add("opssight_metrics_histograms_total", "Native histograms stored.", MetricType::kCounter,
      &MetricsStore::histograms_applied);
  add("opssight_metrics_exemplars_total", "Exemplars stored.", MetricType::kCounter,
      &MetricsStore::exemplars_applied);
  add("opssight_metrics_dropped_exemplars_total", "Exemplars above a limit.", MetricType::kCounter,
      &MetricsStore::dropped_exemplars);
  add("opssight_metrics_metadata_families", "Metric families with metadata.", MetricType::kGauge,
      &MetricsStore::metadata_families);
  add("opssight_metrics_dropped_metadata_total", "Metadata of families above a limit.",
      MetricType::kCounter, &MetricsStore::dropped_metadata);
  add("opssight_metrics_metadata_write_errors_total", "Failed writes of metadata to meta.mdb.",
      MetricType::kCounter, &MetricsStore::metadata_write_errors);
  add("opssight_metrics_merged_days_total", "Days whose blocks were merged.", MetricType::kCounter,
      &MetricsStore::merged_days);
  add("opssight_metrics_unmerged_days_total", "Days left as they are, since parts are damaged.",
      MetricType::kCounter, &MetricsStore::unmerged_days);
  add("opssight_metrics_expired_series_total", "Series taken out of days by rules of retention.",
      MetricType::kCounter, &MetricsStore::expired_series);
  add("opssight_metrics_corrupt_blocks_total", "Blocks left out of answers.", MetricType::kCounter,
      &MetricsStore::corrupt_blocks);
}

void AddRollupMetrics(Registry& registry, const RollupStore& store, const RolledSource& source) {
  const auto add = [&registry](const char* name, const char* help, MetricType type, const auto& of,
                               auto value, Labels labels = {}) {
    registry.AddCallback(
        name, help, type, [&of, value] { return static_cast<double>((of.*value)()); },
        std::move(labels));
  };
  const auto selects = [&](const char* by, std::uint64_t (RolledSource::*value)() const) {
    add("opssight_rollup_selects_total",
        "Selectors that rollups might answer, by what did: rollups; samples, as no day is rolled "
        "up (unrolled) or only they can tell (refused); the named samples of buckets (thinned).",
        MetricType::kCounter, source, value, Labels{{"by", by}});
  };
  selects("rollups", &RolledSource::rolled_selects);
  selects("unrolled", &RolledSource::unrolled_selects);
  selects("refused", &RolledSource::refused_selects);
  selects("thinned", &RolledSource::thinned_selects);
  add("opssight_rollup_days_total", "Days rolled up.", MetricType::kCounter, store,
      &RollupStore::days);
  add("opssight_rollup_samples_total", "Samples rolled up.", MetricType::kCounter, store,
      &RollupStore::samples);
  add("opssight_rollup_kept_days_total",
      "Days whose rollups stay as they are, since most of their samples are gone.",
      MetricType::kCounter, store, &RollupStore::kept_days);
  add("opssight_rollup_damaged_days_total", "Days with blocks left out of answers.",
      MetricType::kCounter, store, &RollupStore::damaged_days);
  add("opssight_rollup_bad_files_total", "Months that were no database, moved aside.",
      MetricType::kCounter, store, &RollupStore::bad_files);
  add("opssight_rollup_disk_bytes", "Size of rollups on disk.", MetricType::kGauge, store,
      &RollupStore::disk_bytes);
}

void AddIngestMetrics(Registry& registry, const IngestStats& stats) {
  MetricAdder add(registry, "opssight_ingest_");
  add.Total("connections", "Connections of agents, with TLS done.", stats.connections);
  add.Level("sessions", "Agents connected now.", stats.sessions);
  for (std::size_t code = 1; code < stats.refused.size(); ++code) {
    add.Total("refused", "Agents sent away, by reason.", stats.refused[code],
              {{"reason", std::string(ToString(static_cast<session::ByeCode>(code)))}});
  }
  add.Total("silent", "Sessions closed because nothing came.", stats.silent);
  add.Total("replaced", "Sessions that a new one of the same agent replaced.", stats.replaced);
  add.Total("epochs", "New epochs given: state that was copied or restored.", stats.epochs);
  add.Total("enrolled", "Hosts enrolled.", stats.enrolled);
  add.Total("renewed", "Certificates renewed.", stats.renewed);
  add.Total("renewals_refused", "Renewals refused.", stats.renewals_refused);
  add.Total("batches", "Batches received.", stats.batches);
  add.Total("batch_bytes", "Their bytes.", stats.batch_bytes);
  add.Total("stored", "Batches stored.", stats.stored);
  add.Total("duplicates", "Batches that were there already.", stats.duplicates);
  for (std::size_t code = 1; code < stats.nacks.size(); ++code) {
    add.Total("nacks", "Batches not taken, by reason.", stats.nacks[code],
              {{"reason", std::string(ToString(static_cast<session::NackCode>(code)))}});
  }
  add.Total("layouts", "Layouts received.", stats.layouts);
  add.Total("pauses", "Times that reading stopped because the store was behind.", stats.pauses);
  add.Level("in_flight_bytes", "Bytes handed to the store and not answered.", stats.inflight_bytes);
}

void AddEnrolMetrics(Registry& registry, const RegistryStats& stats) {
  MetricAdder add(registry, "opssight_enrol_");
  add.Total("enrolled", "Requests that made an identity.", stats.enrolled);
  add.Total("renewed", "Certificates renewed.", stats.renewed);
  add.Total("refused", "Requests refused: token or request no good.", stats.refused);
}

void AddTargetsMetrics(Registry& registry, AgentTargets& targets) {
  registry.AddRefresh([&targets] { targets.Trim(); });
  MetricAdder add(registry, "opssight_targets_");
  const AgentTargetsStats& stats = targets.stats();
  add.Total("told", "Times agents told the state of their scrape targets.", stats.told);
  add.Total("outdated", "Of these, older than what the agent had told.", stats.outdated);
  add.Total("refused", "Of these, over the memory for them; the agent's are not listed.",
            stats.refused);
  add.Level("agents", "Agents whose targets are listed.", stats.agents);
  add.Level("bytes", "Memory that they take.", stats.bytes);
  add.Level("left_out", "Targets that agents left out of what they tell, over its limits.",
            stats.left_out);
}

void AddServeMetrics(Registry& registry, const Service& service) {
  const ServeMetrics& metrics = service.metrics();
  registry.Add("opssight_queries_total", "Queries asked.", metrics.queries);
  constexpr const char* kFailed = "Queries without their answer, by reason.";
  registry.Add("opssight_queries_failed_total", kFailed, metrics.refused, {{"reason", "busy"}});
  registry.Add("opssight_queries_failed_total", kFailed, metrics.timed_out,
               {{"reason", "timeout"}});
  registry.Add("opssight_queries_failed_total", kFailed, metrics.abandoned,
               {{"reason", "client_gone"}});
  registry.Add("opssight_queries_failed_total", kFailed, metrics.invalid, {{"reason", "bad_data"}});
  registry.Add("opssight_queries_failed_total", kFailed, metrics.failed, {{"reason", "execution"}});
  registry.Add("opssight_queries_running", "Queries being worked out now.", metrics.running);
  registry.AddCallback("opssight_queries_waiting", "Queries that wait for a thread.",
                       MetricType::kGauge,
                       [&service] { return static_cast<double>(service.waiting()); });
}

}  // namespace opssight
