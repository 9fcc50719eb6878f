#include "agent/main/own_metrics.h"

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "common/model/record.h"
#include "common/selfmon/adder.h"

namespace opssight {
namespace {

// A copy that is brought up to date before each writing.
template <class Stats>
const Stats& Refreshed(Registry& registry, std::function<Stats()> read) {
  auto copy = std::make_shared<Stats>();
  registry.AddRefresh([copy, read = std::move(read)] { *copy = read(); });
  return *copy;  // Lives as long as the refresh does.
}

void AddDropped(MetricAdder& add, const char* help, const std::array<std::uint64_t, 3>& dropped) {
  for (const Signal signal : {Signal::kMetrics, Signal::kLogs, Signal::kSpans}) {
    add.Total("dropped_records", help, dropped[static_cast<std::size_t>(signal)],
              {{"signal", std::string(ToString(signal))}});
  }
}

}  // namespace

void AddSpoolMetrics(Registry& registry, std::function<SpoolStats()> read) {
  const SpoolStats& stats = Refreshed(registry, std::move(read));
  const SpoolCounters& counters = stats.counters;
  MetricAdder add(registry, "opssight_spool_");
  add.Total("batches_appended", "Batches put on disk.", counters.appended);
  add.Total("bytes_appended", "Their bytes.", counters.appended_bytes);
  add.Total("batches_removed", "Batches that the aggregator has.", counters.removed);
  AddDropped(add, "Records that became gap records at the cap.", counters.dropped);
  add.Total("tombstones", "Batches replaced by gap records.", counters.tombstones);
  add.Total("damaged_batches", "Batches that failed their checksum.", counters.damaged);
  add.Total("layouts_evicted", "Layouts that no batch needed.", counters.layouts_evicted);
  add.Total("commits", "Transactions, of two disk flushes each.", counters.commits);
  add.Total("commit_failures", "Transactions that failed, to be tried again.",
            counters.commit_failures);
  add.Total("reopens", "Times the file was opened again after a failure.", counters.reopens);
  add.Total("unreadable", "Files moved aside.", counters.unreadable);
  add.Total("rebases", "Times the numbering began anew.", counters.rebases);
  add.Level("batches", "Batches that wait, gap records included.", stats.batches);
  add.Level("bytes", "Their bytes.", stats.bytes);
  add.Level("bytes_max", "The cap.", stats.bytes_max);
  add.Level("file_bytes", "Size of the file.", stats.file_bytes);
  add.Level("epoch", "The epoch of the numbering.", stats.epoch);
}

void AddBatchMetrics(Registry& registry, std::function<BatchStats()> read) {
  const BatchStats& stats = Refreshed(registry, std::move(read));
  MetricAdder add(registry, "opssight_batch_");
  add.Total("batches", "Batches closed.", stats.batches);
  add.Total("raw_bytes", "Their bytes before compression.", stats.raw_bytes);
  add.Total("frame_bytes", "Their bytes after it.", stats.frame_bytes);
  add.Total("commits_done", "Sources told that their records are on disk.", stats.commits_done);
  add.Total("commits_failed", "Sources told that they are not.", stats.commits_failed);
  AddDropped(add, "Records that became gap records for want of memory.", stats.dropped);
  add.Total("rows_ignored", "Metric rows without values.", stats.rows_ignored);
  add.Total("records_refused", "Histograms, exemplars and metadata over a limit or broken.",
            stats.records_refused);
  add.Total("metadata_dropped", "Metadata of metric families dropped for want of memory.",
            stats.metadata_dropped);
  add.Total("positions_refused", "Source positions with an impossible key.",
            stats.positions_refused);
  add.Level("channel_bytes", "Raw bytes that wait for the packer.", stats.channel_bytes);
  add.Level("pending_bytes", "Packed bytes that wait for the disk.", stats.pending_bytes);
  add.Level("failing", "1 while the spool cannot be written.", stats.failing);
}

void AddShipMetrics(Registry& registry, const ShipStats& stats) {
  MetricAdder add(registry, "opssight_ship_");
  add.Level("connected", "1 while there is a session with the aggregator.", stats.connected);
  add.Total("connects", "Connections opened.", stats.connects);
  add.Total("resumed", "Sessions by TLS resumption, without a full handshake.", stats.resumed);
  add.Total("failures", "Attempts and connections that ended in an error.", stats.failures);
  for (std::size_t code = 1; code < stats.refused.size(); ++code) {
    add.Total("refused", "Times the aggregator sent us away, by reason.", stats.refused[code],
              {{"reason", std::string(ToString(static_cast<session::ByeCode>(code)))}});
  }
  add.Total("batches_sent", "Batches sent.", stats.batches_sent);
  add.Total("bytes_sent", "Their bytes.", stats.bytes_sent);
  add.Total("backlog_sent", "Batches of a backlog among them.", stats.backlog_sent);
  add.Total("layouts_sent", "Layouts sent.", stats.layouts_sent);
  add.Total("acked", "Batches acknowledged.", stats.acked);
  add.Total("present", "Batches found stored already.", stats.present);
  for (std::size_t code = 1; code < stats.nacks.size(); ++code) {
    add.Total("nacks", "Batches the aggregator did not take, by reason.", stats.nacks[code],
              {{"reason", std::string(ToString(static_cast<session::NackCode>(code)))}});
  }
  add.Total("replaced", "Batches given up for gap records.", stats.replaced);
  add.Total("epochs", "Epochs taken on.", stats.epochs);
  add.Total("read_errors", "Failed reads of the spool.", stats.read_errors);
}

void AddTailMetrics(Registry& registry, const TailStats& stats) {
  MetricAdder add(registry, "opssight_tail_");
  add.Total("lines", "Lines handed on.", stats.lines);
  add.Total("bytes", "Bytes read from files.", stats.bytes);
  add.Total("line_bytes", "Text of the lines handed on.", stats.line_bytes);
  add.Total("malformed_records", "Container records that were none; passed on as they are.",
            stats.malformed);
  add.Total("cut_lines", "Lines over the limit, cut.", stats.cut_lines);
  add.Total("cut_bytes", "Bytes cut off them.", stats.cut_bytes);
  add.Total("nul_bytes", "NULs skipped at the start of lines.", stats.nul_bytes);
  add.Total("unfinished_lines", "Lines passed on without their end.", stats.partial_flush);
  add.Total("filtered_lines", "Lines dropped by tail.drop.", stats.filtered_lines);
  add.Total("rate_limited_lines", "Lines dropped by tail.lines_per_second_max.",
            stats.rate_limited_lines);
  add.Total("files_opened", "Files opened.", stats.files_opened);
  add.Total("rotations", "Files rotated away.", stats.rotations);
  add.Total("truncations", "Files cut short by others.", stats.truncations);
  add.Total("copies_found", "Truncated files of which the copy was found.", stats.copies_found);
  add.Total("gaps", "Gap records made.", stats.gaps);
  add.Total("gap_bytes", "Bytes known to be lost unread.", stats.gap_bytes);
  add.Total("read_errors", "Failed reads.", stats.read_errors);
  add.Total("open_errors", "Failed opens.", stats.open_errors);
  add.Total("bad_checkpoints", "Positions that could not be read.", stats.bad_checkpoints);
  add.Total("files_over_limit", "Openings put off by tail.files_max.", stats.files_over_limit);
  add.Total("watch_errors", "Folders polled, as inotify refused them.", stats.watch_errors);
  add.Total("watch_overflows", "Times inotify lost events; all files were looked at.",
            stats.watch_overflows);
  add.Total("scans", "Scans of all folders.", stats.scans);
  add.Level("files_open", "Files open.", stats.files_open);
  add.Level("files_followed", "Paths followed.", stats.files_followed);
  add.Level("dirs_watched", "Folders watched.", stats.dirs_watched);
  add.Level("deleted_unread_bytes", "Unread bytes of deleted files held open.",
            stats.deleted_unread_bytes);
}

void AddScrapeMetrics(Registry& registry, const ScrapeStats& stats) {
  MetricAdder add(registry, "opssight_scrape_");
  add.Total("scrapes", "Scrapes that ended.", stats.scrapes);
  add.Total("failed_scrapes", "Those that failed; their target's up is 0.", stats.failed);
  add.Total("late_scrapes", "Scrapes left out as those before still ran.", stats.late);
  add.Total("bytes", "Bytes of answers, unpacked.", stats.bytes);
  add.Total("samples", "Samples handed on.", stats.samples);
  add.Total("histograms", "Native histograms handed on.", stats.histograms);
  add.Total("exemplars", "Exemplars handed on.", stats.exemplars);
  add.Total("duplicate_samples", "Samples of a series that the scrape had already; dropped.",
            stats.duplicates);
  add.Total("future_samples", "Samples and exemplars with a time over 10 minutes ahead; dropped.",
            stats.out_of_bounds);
  add.Total("discovery_failures", "Files, daemons and targets that could not be used.",
            stats.discovery_failed);
  add.Level("targets", "Targets that are scraped.", stats.targets);
  add.Total("targets_told", "Times the state of all targets was sent on.", stats.targets_told);
  add.Level("untold_targets", "Targets over the limits of what is sent on of them; scraped.",
            stats.targets_untold);
  add.Level("refused_targets", "Targets over scrape.targets_max; not scraped.",
            stats.targets_refused);
}

}  // namespace opssight
