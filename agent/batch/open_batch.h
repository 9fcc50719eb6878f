// OpenBatch collects what sources hand over until it is time to close: by age,
// by size, or shortly after somebody asked for a commit. Small pieces of one log
// stream are joined. Of positions the last for each key stays. Pure: time comes in,
// nothing goes out. Belongs to one thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/batch/options.h"
#include "agent/sink/sink.h"
#include "common/base/result.h"
#include "common/codec/batch/batch.h"

namespace opssight {

using CommitDone = std::function<void(Status)>;

// What goes to the packer.
struct ClosedBatch {
  BatchContents contents;
  std::vector<Position> positions;
  std::vector<CommitDone> commits;  // Of calls after all of contents and before the next batch.
  std::size_t raw_bytes = 0;        // About what it takes in memory.
};

class OpenBatch {
 public:
  explicit OpenBatch(const BatchOptions& options) : options_(options) {}

  void AddMetrics(MetricRow row, std::int64_t now_ms);
  void AddLogs(LogRows rows, std::int64_t now_ms);
  void AddSpans(std::vector<Span> spans, std::int64_t now_ms);
  void AddHistograms(std::vector<HistogramRow> rows, std::int64_t now_ms);
  void AddExemplars(std::vector<Exemplar> exemplars, std::int64_t now_ms);
  void AddMetadata(std::vector<MetricMetadata> metadata, std::int64_t now_ms);
  void AddTargets(TargetsSnapshot targets, std::int64_t now_ms);
  void AddGap(Gap gap, std::int64_t now_ms);
  void AddPosition(Position position, std::int64_t now_ms);
  void AddCommit(CommitDone done, std::int64_t now_ms);

  bool empty() const { return !opened_ms_; }
  bool full() const { return batch_.raw_bytes >= options_.raw_bytes_max; }
  std::size_t raw_bytes() const { return batch_.raw_bytes; }
  // When to close it; none while it is empty.
  std::optional<std::int64_t> due_ms() const;

  // To be moved from; then Reset().
  ClosedBatch& batch() { return batch_; }
  void Reset();
  // Replaces samples and spans, with_logs lines too, by gap records; counts them by signal.
  // Metadata and what is known of targets go with the lines, without one.
  void Thin(bool with_logs, std::array<std::uint64_t, 3>& dropped);

 private:
  void Grow(std::size_t bytes, std::int64_t now_ms);
  template <class T>
  void AddAll(std::vector<T> records, std::vector<T>& to, std::int64_t now_ms);

  const BatchOptions options_;
  ClosedBatch batch_;
  std::optional<std::int64_t> opened_ms_;
  std::optional<std::int64_t> commit_ms_;                   // Of the first Commit() in it.
  std::unordered_map<std::string, std::size_t> positions_;  // Key to where it is in batch_.
  std::unordered_map<const Labels*, std::size_t> streams_;  // Where rows may be joined.
};

}  // namespace opssight
