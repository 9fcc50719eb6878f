#include "aggregator/store/logs/log_head.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "common/base/check.h"

namespace opssight {

std::shared_ptr<const MemoryBlock> ToMemoryBlock(std::string bytes) {
  auto head = ReadBlockHead(bytes);
  OPS_CHECK(head.has_value(), "log block just written: {}", head.error().message);
  return std::make_shared<const MemoryBlock>(
      MemoryBlock{.bytes = std::move(bytes), .head = *std::move(head)});
}

Status SelectFromBlock(const BlockHead& head, std::string_view block, const LineQuery& query,
                       const QueryLimits& limits, std::uint64_t piece, LineCollector& out) {
  std::vector<const BlockStream*> wanted;
  for (const BlockStream& stream : head.streams) {
    if (out.WantsPiece(stream.min_ns, stream.max_ns) && MatchesAll(query.matchers, stream.labels)) {
      wanted.push_back(&stream);
    }
  }
  if (wanted.empty()) return {};
  if (limits.cancelled && limits.cancelled()) return Unavailable("query: the client has gone");
  OPS_TRY(const BlockRows rows, BlockRows::Read(block));
  for (const BlockStream* stream : wanted) {
    for (std::size_t row = stream->first_row; row < stream->first_row + stream->rows; ++row) {
      if (!out.Wants(rows.time_ns(row), rows.line(row))) continue;
      out.Add(stream->labels, piece, row,
              {.time_ns = rows.time_ns(row),
               .line = std::string(rows.line(row)),
               .metadata = rows.metadata(row)});
    }
  }
  return {};
}

LogHead::Stream& LogHead::Find(const Labels& labels) {
  const std::uint64_t hash = labels.Hash();
  const auto [first, last] = by_hash_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    if (streams_[it->second].labels == labels) return streams_[it->second];
  }
  by_hash_.emplace(hash, streams_.size());
  streams_.push_back({.labels = labels});
  return streams_.back();
}

void LogHead::Append(const Labels& labels, std::int64_t time_ns, std::string_view line,
                     std::vector<Label> metadata) {
  Stream& stream = Find(labels);
  if (stream.rows.empty()) stream.min_ns = stream.max_ns = time_ns;
  stream.min_ns = std::min(stream.min_ns, time_ns);
  stream.max_ns = std::max(stream.max_ns, time_ns);
  stream.text.append(line);
  if (!metadata.empty()) {
    stream.metadata.emplace_back(static_cast<std::uint32_t>(stream.rows.size()),
                                 std::move(metadata));
  }
  stream.rows.push_back(
      {.time_ns = time_ns, .end = static_cast<std::uint32_t>(stream.text.size())});
  bytes_ += line.size() + sizeof(Row);
  ++lines_;
  if (stream.text.size() >= block_raw_bytes_) Seal(stream);
}

std::string_view LogHead::LineOf(const Stream& stream, std::size_t row) {
  const std::size_t start = row == 0 ? 0 : stream.rows[row - 1].end;
  return std::string_view(stream.text).substr(start, stream.rows[row].end - start);
}

std::vector<Label> LogHead::MetadataOf(const Stream& stream, std::size_t row) {
  const auto it =
      std::lower_bound(stream.metadata.begin(), stream.metadata.end(), row,
                       [](const auto& entry, std::size_t want) { return entry.first < want; });
  if (it == stream.metadata.end() || it->first != row) return {};
  return it->second;
}

// Equal times stay in the order they came.
void LogHead::Write(const Stream& stream, BlockWriter& writer) {
  std::vector<std::uint32_t> order(stream.rows.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return stream.rows[a].time_ns < stream.rows[b].time_ns;
  });
  writer.Stream(stream.labels);
  for (const std::uint32_t row : order) {
    writer.Add({.time_ns = stream.rows[row].time_ns,
                .line = LineOf(stream, row),
                .metadata = MetadataOf(stream, row)});
  }
}

void LogHead::Seal(Stream& stream) {
  BlockWriter writer;
  Write(stream, writer);
  bytes_ -= std::min(bytes_, stream.text.size() + stream.rows.size() * sizeof(Row));
  blocks_.push_back(ToMemoryBlock(writer.Finish()));
  bytes_ += blocks_.back()->bytes.size();
  stream.text = {};
  stream.rows = {};
  stream.metadata = {};
}

void LogHead::Select(const LineQuery& query, std::uint64_t piece, LineCollector& out) const {
  for (const Stream& stream : streams_) {
    if (stream.rows.empty() || !out.WantsPiece(stream.min_ns, stream.max_ns) ||
        !MatchesAll(query.matchers, stream.labels)) {
      continue;
    }
    for (std::size_t row = 0; row < stream.rows.size(); ++row) {
      const std::int64_t time_ns = stream.rows[row].time_ns;
      const std::string_view line = LineOf(stream, row);
      if (!out.Wants(time_ns, line)) continue;
      out.Add(stream.labels, piece, row,
              {.time_ns = time_ns, .line = std::string(line), .metadata = MetadataOf(stream, row)});
    }
  }
}

void LogHead::Streams(const std::vector<Matcher>& matchers, std::vector<Labels>& out) const {
  for (const Stream& stream : streams_) {
    if (MatchesAll(matchers, stream.labels)) out.push_back(stream.labels);
  }
}

MemoryBlocks LogHead::TakeBlocks() {
  MemoryBlocks out = std::exchange(blocks_, {});
  std::vector<const Stream*> order;
  for (const Stream& stream : streams_) {
    if (!stream.rows.empty()) order.push_back(&stream);
  }
  std::sort(order.begin(), order.end(),
            [](const Stream* a, const Stream* b) { return a->labels < b->labels; });
  BlockWriter writer;
  for (const Stream* stream : order) {
    Write(*stream, writer);
    if (writer.raw_bytes() >= block_raw_bytes_) out.push_back(ToMemoryBlock(writer.Finish()));
  }
  if (writer.rows() != 0) out.push_back(ToMemoryBlock(writer.Finish()));
  streams_.clear();
  by_hash_.clear();
  bytes_ = 0;
  lines_ = 0;
  return out;
}

}  // namespace opssight
