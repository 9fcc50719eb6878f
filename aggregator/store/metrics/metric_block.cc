#include "aggregator/store/metrics/metric_block.h"

#include <algorithm>
#include <optional>

#include <fmt/core.h>

#include "aggregator/store/columns/envelope.h"
#include "common/bytes/varint.h"
#include "common/bytes/zstd.h"

namespace opssight {
namespace {

constexpr std::string_view kBlockMagic = "OMB1";
constexpr std::string_view kSummaryMagic = "OMC1";
constexpr std::string_view kSeriesMagic = "OMS1";
constexpr std::size_t kUnpackedMax = 256UL << 20;
constexpr std::uint64_t kLabelsMax = 1024;     // Of one series.
constexpr std::uint64_t kColumnsMax = 65'536;  // Of one group.

Error Bad(std::string_view magic, std::string_view what) {
  return Corrupt(fmt::format("block {}: {}", magic, what));
}

Result<BlockParts> OpenUnchecked(std::string_view block) {
  OPS_TRY(const std::string_view head, OpenBlockHead(kBlockMagic, block));
  const auto head_end = static_cast<std::size_t>(head.data() + head.size() - block.data());
  return BlockParts{.head = head, .columns = block.substr(head_end)};
}

void PutRuns(const IdRuns& runs, std::string& out) {
  PutVarint(out, runs.size());
  std::int64_t end = 0;
  for (const IdRun& run : runs) {
    PutZigZag(out, static_cast<std::int64_t>(run.first) - end);
    PutVarint(out, run.count);
    end = static_cast<std::int64_t>(run.first) + run.count;
  }
}

std::optional<IdRuns> TakeRuns(std::string_view& bytes, std::uint64_t series_max) {
  const auto count = GetVarint(bytes);
  if (!count || *count > bytes.size()) return std::nullopt;
  IdRuns runs;
  runs.reserve(*count);
  std::uint64_t end = 0;
  std::uint64_t at = 0;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto gap = GetZigZag(bytes);
    const auto size = GetVarint(bytes);
    if (!gap || !size || *size == 0 || *size > UINT32_MAX) return std::nullopt;
    const std::uint64_t first = end + static_cast<std::uint64_t>(*gap);
    if (first >= UINT32_MAX || first + *size > UINT32_MAX || at + *size > series_max) {
      return std::nullopt;
    }
    runs.push_back({.first = static_cast<SeriesId>(first),
                    .count = static_cast<std::uint32_t>(*size),
                    .at = static_cast<std::uint32_t>(at)});
    end = first + *size;
    at += *size;
  }
  return runs;
}

void PutSpan(std::int64_t min_ms, std::int64_t max_ms, std::string& out) {
  PutZigZag(out, min_ms);
  PutVarint(out, static_cast<std::uint64_t>(max_ms) - static_cast<std::uint64_t>(min_ms));
}

bool TakeSpan(std::string_view& bytes, std::int64_t& min_ms, std::int64_t& max_ms) {
  const auto min = GetZigZag(bytes);
  const auto length = GetVarint(bytes);
  if (!min || !length) return false;
  min_ms = *min;
  max_ms = static_cast<std::int64_t>(static_cast<std::uint64_t>(*min) + *length);
  return max_ms >= min_ms;
}

}  // namespace

IdRuns RunsOf(std::span<const SeriesId> ids) {
  IdRuns runs;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!runs.empty() && runs.back().first + runs.back().count == ids[i]) {
      ++runs.back().count;
    } else {
      runs.push_back({.first = ids[i], .count = 1, .at = static_cast<std::uint32_t>(i)});
    }
  }
  return runs;
}

IdRuns SortedRunsOf(std::span<const SeriesId> ids) {
  std::vector<SeriesId> sorted(ids.begin(), ids.end());
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  return RunsOf(sorted);
}

bool Meets(const IdRuns& runs, std::span<const SeriesId> wanted) {
  return std::any_of(runs.begin(), runs.end(), [wanted](const IdRun& run) {
    const auto it = std::lower_bound(wanted.begin(), wanted.end(), run.first);
    return it != wanted.end() && *it - run.first < run.count;
  });
}

void MetricBlockWriter::Add(std::span<const SeriesId> ids, std::string_view group,
                            std::int64_t min_ms, std::int64_t max_ms) {
  ++groups_;
  PutSpan(min_ms, max_ms, head_);
  PutRuns(RunsOf(ids), head_);
  PutVarint(head_, group.size());
  bodies_.append(group);
  min_ms_ = std::min(min_ms_, min_ms);
  max_ms_ = std::max(max_ms_, max_ms);
  ids_.insert(ids_.end(), ids.begin(), ids.end());
}

std::string MetricBlockWriter::Finish() const {
  std::string head;
  PutVarint(head, groups_);
  return WrapBlock(kBlockMagic, head + head_, bodies_);
}

Result<std::vector<BlockGroup>> ReadBlock(std::string_view block, bool verify) {
  OPS_TRY(BlockParts parts, verify ? OpenBlock(kBlockMagic, block) : OpenUnchecked(block));
  const auto count = GetVarint(parts.head);
  if (!count || *count > parts.head.size()) return Bad(kBlockMagic, "count of groups");
  std::vector<BlockGroup> groups(*count);
  for (BlockGroup& group : groups) {
    if (!TakeSpan(parts.head, group.min_ms, group.max_ms)) return Bad(kBlockMagic, "times");
    auto runs = TakeRuns(parts.head, kColumnsMax);
    const auto size = GetVarint(parts.head);
    if (!runs || !size || *size > parts.columns.size()) return Bad(kBlockMagic, "group");
    group.runs = *std::move(runs);
    group.body = parts.columns.substr(0, *size);
    parts.columns.remove_prefix(*size);
  }
  return groups;
}

std::string WriteSummaries(std::span<const BlockSummary> blocks) {
  std::string body;
  PutVarint(body, blocks.size());
  for (const BlockSummary& block : blocks) {
    PutVarint(body, block.number);
    PutSpan(block.min_ms, block.max_ms, body);
    PutRuns(block.runs, body);
  }
  return WrapBlock(kSummaryMagic, {}, ZstdCompress(body));
}

Result<std::vector<BlockSummary>> ReadSummaries(std::string_view bytes) {
  OPS_TRY(const BlockParts parts, OpenBlock(kSummaryMagic, bytes));
  std::string unpacked;
  OPS_RETURN_IF_ERROR(ZstdDecompress(parts.columns, kUnpackedMax, unpacked));
  std::string_view body(unpacked);
  const auto count = GetVarint(body);
  if (!count || *count > body.size()) return Bad(kSummaryMagic, "count of blocks");
  std::vector<BlockSummary> blocks(*count);
  for (BlockSummary& block : blocks) {
    const auto number = GetVarint(body);
    if (!number || *number > UINT32_MAX || !TakeSpan(body, block.min_ms, block.max_ms)) {
      return Bad(kSummaryMagic, "block");
    }
    auto runs = TakeRuns(body, UINT32_MAX);
    if (!runs) return Bad(kSummaryMagic, "series");
    block.number = static_cast<std::uint32_t>(*number);
    block.runs = *std::move(runs);
  }
  return blocks;
}

std::string WriteSeriesPiece(const SeriesIndex& index, SeriesId first, std::size_t count) {
  std::vector<SeriesId> ids(count);
  for (std::size_t i = 0; i < count; ++i) ids[i] = first + static_cast<SeriesId>(i);
  SeriesIndex::Lists lists = index.ListsOf(ids);
  std::vector<SeriesIndex::PairId> distinct = lists.pairs;
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  std::string body;
  PutVarint(body, distinct.size());
  for (const auto& [name, value] : index.PairsOf(distinct)) {
    PutString(body, name);
    PutString(body, value);
  }
  std::size_t start = 0;
  for (const std::uint32_t end : lists.ends) {
    PutVarint(body, end - start);
    for (; start < end; ++start) {
      const auto it = std::lower_bound(distinct.begin(), distinct.end(), lists.pairs[start]);
      PutVarint(body, static_cast<std::uint64_t>(it - distinct.begin()));
    }
  }
  std::string head;
  PutVarint(head, first);
  PutVarint(head, count);
  return WrapBlock(kSeriesMagic, head, ZstdCompress(body));
}

Status ReadSeriesPiece(std::string_view bytes, SeriesIndex& index) {
  OPS_TRY(BlockParts parts, OpenBlock(kSeriesMagic, bytes));
  const auto first = GetVarint(parts.head);
  const auto count = GetVarint(parts.head);
  std::string unpacked;
  OPS_RETURN_IF_ERROR(ZstdDecompress(parts.columns, kUnpackedMax, unpacked));
  std::string_view body(unpacked);
  const auto pairs = GetVarint(body);
  if (!first || !count || !pairs || *count > kSeriesPerPiece || *pairs > body.size() ||
      *first > UINT32_MAX - kSeriesPerPiece || *first < index.size()) {
    return Bad(kSeriesMagic, "counts");
  }
  std::vector<SeriesIndex::PairView> views;
  views.reserve(*pairs);
  for (std::uint64_t i = 0; i < *pairs; ++i) {
    const auto name = GetString(body);
    const auto value = GetString(body);
    if (!name || !value) return Bad(kSeriesMagic, "label");
    views.emplace_back(*name, *value);
  }
  SeriesIndex::Lists lists;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto labels = GetVarint(body);
    if (!labels || *labels > kLabelsMax) return Bad(kSeriesMagic, "series");
    for (std::uint64_t k = 0; k < *labels; ++k) {
      const auto pair = GetVarint(body);
      if (!pair || *pair >= *pairs) return Bad(kSeriesMagic, "series");
      lists.pairs.push_back(static_cast<SeriesIndex::PairId>(*pair));
    }
    lists.ends.push_back(static_cast<std::uint32_t>(lists.pairs.size()));
  }
  if (*first - index.size() > kLostSeriesMax) return Bad(kSeriesMagic, "a gap before it");
  index.PadTo(static_cast<SeriesId>(*first));
  const auto ids = index.InternPairs(views);
  for (SeriesIndex::PairId& pair : lists.pairs) pair = ids[pair];
  index.AppendLists(lists);
  return {};
}

}  // namespace opssight
