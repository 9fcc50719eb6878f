// DayWriter writes the rollups of one day, of both resolutions: beside what there is of the
// day, as a new generation, which Commit makes the one that counts. A crash before leaves
// the old one; half a generation is taken away by the next writer of the day.
//
//   OPS_TRY(DayWriter writer, DayWriter::Begin(files, day, options));
//   OPS_RETURN_IF_ERROR(writer.Add(index, series));  // Portion by portion.
//   OPS_RETURN_IF_ERROR(writer.Finish());
//   OPS_RETURN_IF_ERROR(writer.CarryOver());
//   OPS_RETURN_IF_ERROR(writer.Commit(cut, edited));
//
// Encoded series wait until there are buffer_bytes of them, are then sorted by metric and
// written as blocks, so that a metric's series stand together. One thread, one writer at a
// time. Memory: buffer_bytes and half as much again; 16 B a series of a day that is made anew.
// Cost: about 15 ns a sample (README.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "aggregator/store/metrics/day_series.h"
#include "aggregator/store/metrics/series_index.h"
#include "aggregator/store/rollup/rollup_block.h"
#include "aggregator/store/rollup/rollup_files.h"
#include "aggregator/store/rollup/rollup_list.h"
#include "common/base/result.h"

namespace opssight {

struct DayWriterOptions {
  std::size_t buffer_bytes = 64UL << 20;
  std::size_t transaction_bytes_max = 4UL << 20;
  std::size_t block_series = 64;    // At most, about.
  std::function<void()> committed;  // Tests only: after each transaction. May be empty.
};

class DayWriter {
 public:
  // files outlives it.
  static Result<DayWriter> Begin(RollupFiles& files, DayNumber day,
                                 const DayWriterOptions& options);

  // index: of the ids, the same each time. A series that comes again goes on in time.
  Status Add(const SeriesIndex& index, std::span<const DaySeries> series);
  // Writes what waits; nothing counts yet.
  Status Finish();
  // Takes over the buckets of series that were there before and have no samples any more: a
  // rule of retention took those, or they are damaged. Of what was deleted there are none.
  // Once, after Finish. Looks at all blocks of the months.
  Status CarryOver();
  // What is written counts from now on, and what was there before goes.
  Status Commit(WalPosition cut, bool edited);
  // What is written goes; what was there before counts on, as it was.
  Status Abandon();

  // What was there before, in either file, where it was made of more than twice the samples
  // and nothing was deleted from it. After CarryOver.
  std::optional<RollupDay> FarMore() const;
  std::uint64_t samples() const { return samples_; }
  std::uint32_t generation(std::int64_t resolution_ms) const;

 private:
  struct Encoded {
    const std::string* shape = nullptr;  // In shapes_.
    std::string values;
  };
  struct Entry {
    std::uint64_t metric = 0;
    Hash128 key;
    SeriesId id = 0;
    Encoded fine;
    Encoded coarse;
  };
  struct Put {
    std::string key;
    std::string value;
    bool list = false;
  };
  struct File {
    std::int64_t resolution_ms = 0;
    std::shared_ptr<Env> env;
    std::optional<RollupDay> before;
    std::uint32_t generation = 0;
    std::uint32_t next_number = 0;
    std::vector<Put> puts;
    std::size_t put_bytes = 0;
    std::uint64_t carried_series = 0;
    std::uint64_t carried_samples = 0;
  };

  DayWriter(DayNumber day, const DayWriterOptions& options) : day_(day), options_(options) {}
  Status BeginFile(File& file) const;
  void AddSeries(const DaySeries& series, std::uint64_t metric, const Hash128& key);
  Encoded Encode(std::int64_t resolution_ms, const DayBuckets& buckets);
  Status WriteRun();
  Status WriteMetric(std::span<const Entry> entries);
  Status WriteBlock(std::span<const Entry> entries);
  Status PutBlock(File& file, std::uint64_t metric, RollupList list, std::string bytes) const;
  Status CommitTxn(WriteTxn txn) const;
  // The day's blocks but those of one generation go.
  Status DropOthers(Env& env, std::uint32_t keep) const;
  Status WritePuts(File& file) const;
  Status WriteDay(File& file, const RollupDay& day) const;

  DayNumber day_;
  DayWriterOptions options_;
  std::vector<File> files_;  // The fine one, the coarse one.
  const SeriesIndex* index_ = nullptr;
  std::vector<Hash128> keys_;  // Of the series, where there was something before.
  std::uint64_t series_ = 0;
  std::uint64_t samples_ = 0;
  std::vector<Entry> entries_;
  std::unordered_map<SeriesId, std::size_t> entry_of_;
  std::unordered_set<std::string> shapes_;
  std::size_t buffered_ = 0;
};

}  // namespace opssight
