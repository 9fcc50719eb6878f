// WriteIntake decides what of a remote-write request is stored: rows, histograms,
// exemplars, metadata in, and texts for the sender out. No HTTP, no threads of its own.
// The rules are in remote_write.h. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/inputs/recent_map.h"
#include "aggregator/inputs/write_protocol.h"
#include "aggregator/inputs/write_rows.h"
#include "common/base/mutex.h"
#include "common/codec/batch/batch.h"
#include "common/codec/remote/write.h"
#include "common/selfmon/registry.h"

namespace opssight {

struct WriteIntakeOptions {
  WriteLimits limits;
  WriteRowsOptions rows;
  std::size_t histogram_buckets_max = 2000;  // Of one native histogram.
  std::size_t exemplar_runes_max = 128;      // Of an exemplar's labels, as OpenMetrics has it.
  std::size_t metadata_max = 200'000;        // Remembered as told.
  std::int64_t future_ms = 600'000;          // Samples further ahead of our clock are refused.
  std::int64_t past_ms = 0;                  // Older ones, too; 0: any age is taken.
};

struct WriteIntakeStats {
  std::array<Counter, kLabelFaults> bad_series;  // By fault; left out with all they bring.
  Counter bad_samples;                           // Of such series.
  Counter too_new;
  Counter too_old;
  Counter bad_histograms;
  Counter bad_exemplars;
};

class WriteIntake {
 public:
  explicit WriteIntake(WriteIntakeOptions options)
      : options_(options), rows_(options.rows), metadata_(options.metadata_max) {}

  struct Taken {
    BatchContents contents;
    WriteRows::Plan plan;  // Its rows are in contents.
    WrittenCounts written;
    bool refused = false;  // The whole request: nothing of contents is to be stored.
    bool bad = false;      // Something was left out that the sender is to know of:
    std::string errors;    // lines, for its answer.
  };
  // request may be changed, and its memory used.
  Taken Take(WriteRequest& request, WriteVersion version, std::int64_t now_ms);

  // After the commit.
  void Stored(const WriteRows::Plan& plan, std::uint32_t day) { rows_.Stored(plan.pieces, day); }
  // After one that failed: what was only in it must come again. layouts: the store did not
  // know one that it was believed to have.
  void NotStored(bool layouts) OPS_EXCLUDES(mutex_);

  const WriteIntakeStats& stats() const { return stats_; }
  const WriteLimits& limits() const { return options_.limits; }
  std::size_t series() const { return rows_.series(); }
  std::size_t layouts() const { return rows_.layouts(); }

 private:
  struct Pass;
  void TakeSeries(Pass& pass, std::uint32_t number);
  void TakeHistograms(Pass& pass, const WriteSeries& series,
                      const std::shared_ptr<const Labels>& labels);
  void TakeExemplars(Pass& pass, const WriteSeries& series,
                     const std::shared_ptr<const Labels>& labels);
  static void AddMetadata(Pass& pass, const WriteSeries& series);
  void TakeMetadata(Pass& pass) OPS_EXCLUDES(mutex_);
  bool TimeFits(Pass& pass, std::int64_t time_ms);

  const WriteIntakeOptions options_;
  WriteIntakeStats stats_;
  WriteRows rows_;
  Mutex mutex_;
  RecentMap<std::uint32_t> metadata_ OPS_GUARDED_BY(mutex_);  // The day it was told.
};

}  // namespace opssight
