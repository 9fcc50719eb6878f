#include "agent/spool/record.h"

#include <algorithm>
#include <limits>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/bytes/endian.h"
#include "common/bytes/hash.h"

namespace opssight {
namespace {

constexpr std::size_t kHashBytes = 8 + 4;                       // Frame's hash, head's check.
constexpr std::size_t kFixedBytes = 1 + 1 + 2 + 3 * 4 + 3 * 8;  // Then 16 a layout.
constexpr std::size_t kLayoutsMax = std::numeric_limits<std::uint16_t>::max();

std::uint32_t HeadCheck(std::string_view head, std::uint64_t frame_hash) {
  return static_cast<std::uint32_t>(Hash64(head, frame_hash));
}

class Times {
 public:
  void Add(std::int64_t ns) {
    from_ = std::min(from_, ns);
    to_ = std::max(to_, ns);
  }
  void Into(BatchSummary& summary) const {
    if (from_ > to_) return;
    summary.from_ns = from_;
    summary.to_ns = to_;
  }

 private:
  std::int64_t from_ = std::numeric_limits<std::int64_t>::max();
  std::int64_t to_ = std::numeric_limits<std::int64_t>::min();
};

}  // namespace

BatchSummary Summarize(const BatchContents& contents) {
  BatchSummary out;
  Times times;
  for (const MetricRow& row : contents.metrics) times.Add(row.time_ms * kNsPerMs);
  for (const HistogramRow& row : contents.histograms) times.Add(row.time_ms * kNsPerMs);
  for (const Exemplar& exemplar : contents.exemplars) times.Add(exemplar.time_ms * kNsPerMs);
  std::size_t lines = 0;
  for (const LogRows& rows : contents.logs) {
    lines += rows.rows.size();
    for (const LogRows::Row& row : rows.rows) times.Add(row.time_ns);
  }
  for (const Span& span : contents.spans) times.Add(span.start_ns);
  times.Into(out);
  out.counts = {static_cast<std::uint32_t>(contents.metrics.size() + contents.histograms.size() +
                                           contents.exemplars.size()),
                static_cast<std::uint32_t>(lines),
                static_cast<std::uint32_t>(contents.spans.size())};
  return out;
}

std::string EncodeRecord(const SpoolRecord& record) {
  OPS_CHECK(record.layouts.size() <= kLayoutsMax, "spool: {} layouts in a batch",
            record.layouts.size());
  const std::uint64_t hash = Hash64(record.frame);
  std::string head;
  PutLe(head, static_cast<std::uint8_t>(record.tombstone));
  PutLe(head, std::uint8_t{0});
  PutLe(head, static_cast<std::uint16_t>(record.layouts.size()));
  for (const std::uint32_t count : record.summary.counts) PutLe(head, count);
  PutLe(head, record.summary.from_ns);
  PutLe(head, record.summary.to_ns);
  PutLe(head, record.original_hash);
  for (const LayoutId& layout : record.layouts) {
    PutBe(head, layout.high);
    PutBe(head, layout.low);
  }
  std::string out;
  out.reserve(kHashBytes + head.size() + record.frame.size());
  PutLe(out, hash);
  PutLe(out, HeadCheck(head, hash));
  out.append(head).append(record.frame);
  return out;
}

Result<SpoolRecord> DecodeRecord(std::string_view bytes) {
  SpoolRecord out;
  if (bytes.size() < kHashBytes + kFixedBytes) return Corrupt("spool record: ends early");
  out.hash = *GetLe<std::uint64_t>(bytes);
  const auto check = *GetLe<std::uint32_t>(bytes);
  const std::size_t layouts = LoadLe<std::uint16_t>(bytes.data() + 2);
  const std::size_t head_bytes = kFixedBytes + layouts * sizeof(LayoutId);
  if (bytes.size() < head_bytes) return Corrupt("spool record: ends early");
  if (HeadCheck(bytes.substr(0, head_bytes), out.hash) != check) {
    return Corrupt("spool record: head fails its checksum");
  }
  out.frame = bytes.substr(head_bytes);
  out.tombstone = *GetLe<std::uint8_t>(bytes) != 0;
  bytes.remove_prefix(1 + 2);
  for (std::uint32_t& count : out.summary.counts) count = *GetLe<std::uint32_t>(bytes);
  out.summary.from_ns = *GetLe<std::int64_t>(bytes);
  out.summary.to_ns = *GetLe<std::int64_t>(bytes);
  out.original_hash = *GetLe<std::uint64_t>(bytes);
  for (std::size_t i = 0; i < layouts; ++i) {
    LayoutId id;
    id.high = *GetBe<std::uint64_t>(bytes);
    id.low = *GetBe<std::uint64_t>(bytes);
    out.layouts.push_back(id);
  }
  return out;
}

bool FrameIsWhole(const SpoolRecord& record) {
  return Hash64(record.frame) == record.hash;
}

}  // namespace opssight
