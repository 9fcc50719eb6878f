// Settings and counters of agent/batch.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace opssight {

struct BatchOptions {
  std::int64_t age_ms_max = 1'000;          // An open batch closes at this age,
  std::size_t raw_bytes_max = 256UL << 10;  // or at this size before compression,
  std::int64_t commit_delay_ms = 5;         // or so long after the first Commit() in it.
  // Closed batches that the packer has not taken (raw bytes). Half of it: congested.
  std::size_t channel_bytes_max = 4UL << 20;
  // So long the channel may be above that, unless the spool fails: one large request comes
  // faster than it is packed, and is in memory already.
  std::int64_t burst_ms_max = 5'000;
  // The open batch while the channel is full. At this size its samples and spans become
  // gap records, at twice this size its lines too, and its metadata goes.
  std::size_t open_bytes_max = 1UL << 20;
  // Packed batches (compressed) while the spool cannot write. Above it the samples and
  // spans of the oldest become gap records; when that is not enough, no more are taken.
  std::size_t pending_bytes_max = 4UL << 20;
  std::size_t group_bytes_max = 1UL << 20;  // Raw bytes that one transaction takes together.
  std::int64_t remove_delay_ms = 1'000;     // Acknowledgements wait so long for a batch to go with.
  std::int64_t retry_ms = 1'000;            // After the spool could not write.
  std::int64_t trim_period_ms = 60'000;     // Memory of a peak goes back at most so often.
};

struct BatchStats {
  std::uint64_t batches = 0;  // Closed.
  std::uint64_t raw_bytes = 0;
  std::uint64_t frame_bytes = 0;     // The same, compressed.
  std::uint64_t commits_done = 0;    // Commit() calls answered with success,
  std::uint64_t commits_failed = 0;  // and with an error.
  // Rows (histograms and exemplars with them), lines, spans that became gaps for want of memory.
  std::array<std::uint64_t, 3> dropped{};
  std::uint64_t rows_ignored = 0;  // Metric rows without values.
  // Histograms, exemplars and metadata that CheckRecord refused.
  std::uint64_t records_refused = 0;
  std::uint64_t metadata_dropped = 0;   // Of metric families, for want of memory.
  std::uint64_t positions_refused = 0;  // Empty or too long a key.
  std::uint64_t lost_at_stop = 0;       // Batches that Stop() could not write.
  std::size_t channel_bytes = 0;
  std::size_t pending_bytes = 0;
  bool failing = false;  // The last write to the spool failed.
};

}  // namespace opssight
