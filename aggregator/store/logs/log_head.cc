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

namespace {

// passes[row] is not 0 for the rows whose line passes all filters; empty: all do.
Result<std::vector<std::uint8_t>> FilterRows(BlockRows& rows,
                                             const std::vector<LineFilter>& filters) {
  std::vector<std::uint8_t> passes;
  for (const LineFilter& filter : filters) {
    OPS_TRY(std::vector<std::uint8_t> contains, rows.Contains(filter.text));
    if (passes.empty()) passes.assign(contains.size(), 1);
    const std::uint8_t unwanted = filter.want ? 0 : 1;
    for (std::size_t row = 0; row < passes.size(); ++row) {
      if (contains[row] == unwanted) passes[row] = 0;
    }
  }
  return passes;
}

Status AddRows(BlockRows& rows, const std::vector<const BlockStream*>& streams,
               const LineQuery& query, std::uint64_t piece, LineCollector& out) {
  OPS_TRY(const std::vector<std::uint8_t> passes, FilterRows(rows, query.filters));
  for (const BlockStream* stream : streams) {
    for (std::size_t i = 0; i < stream->rows; ++i) {
      // Newest first, so that what a full collector has no room for is not opened.
      const std::size_t row = stream->first_row + (query.backward ? stream->rows - 1 - i : i);
      if (!out.WantsTime(rows.times_ns()[row]) || (!passes.empty() && passes[row] == 0)) continue;
      OPS_TRY(std::string line, rows.Line(row));
      OPS_TRY(std::vector<Label> metadata, rows.Metadata(row));
      out.Add(stream->labels, piece, row,
              {.time_ns = rows.times_ns()[row],
               .line = std::move(line),
               .metadata = std::move(metadata)});
    }
  }
  return {};
}

}  // namespace

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
  OPS_TRY(const bool may, BlockMayContain(head, block, out.wanted_keys()));
  if (!may) return {};
  OPS_TRY(BlockRows rows, BlockRows::Open(head, block));
  return AddRows(rows, wanted, query, piece, out);
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
  const std::size_t before = stream.bytes();
  stream.text.append(line);
  for (const Label& label : metadata) {
    stream.metadata_bytes += label.name.size() + label.value.size();
  }
  if (!metadata.empty()) {
    stream.metadata.emplace_back(static_cast<std::uint32_t>(stream.rows.size()),
                                 std::move(metadata));
  }
  stream.rows.push_back(
      {.time_ns = time_ns, .end = static_cast<std::uint32_t>(stream.text.size())});
  open_bytes_ += stream.bytes() - before;
  ++lines_;
  if (stream.bytes() < block_raw_bytes_) return;
  for (auto& block : ToBlocks({&stream})) Keep(std::move(block));
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

void LogHead::Clear(Stream& stream) {
  open_bytes_ -= stream.bytes();
  stream.text = {};
  stream.rows = {};
  stream.metadata = {};
  stream.metadata_bytes = 0;
}

void LogHead::Keep(std::shared_ptr<const MemoryBlock> block) {
  sealed_bytes_ += block->bytes.size();
  blocks_.push_back(std::move(block));
}

void LogHead::SealSome() {
  std::vector<Stream*> turn;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < streams_.size() && bytes < block_raw_bytes_; ++i) {
    Stream& stream = streams_[next_to_seal_++ % streams_.size()];
    bytes += stream.bytes();
    if (!stream.rows.empty()) turn.push_back(&stream);
  }
  for (auto& block : ToBlocks(std::move(turn))) Keep(std::move(block));
}

// Blocks of the streams' lines, sorted by labels; the streams are empty afterwards.
MemoryBlocks LogHead::ToBlocks(std::vector<Stream*> streams) {
  std::sort(streams.begin(), streams.end(),
            [](const Stream* a, const Stream* b) { return a->labels < b->labels; });
  MemoryBlocks out;
  BlockWriter writer;
  for (Stream* stream : streams) {
    Write(*stream, writer);
    Clear(*stream);
    if (writer.bytes() >= block_raw_bytes_) out.push_back(ToMemoryBlock(writer.Finish()));
  }
  if (writer.rows() != 0) out.push_back(ToMemoryBlock(writer.Finish()));
  return out;
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
  std::vector<Stream*> all;
  for (Stream& stream : streams_) {
    if (!stream.rows.empty()) all.push_back(&stream);
  }
  MemoryBlocks out = ToBlocks(std::move(all));
  out.insert(out.begin(), blocks_.begin(), blocks_.end());
  *this = LogHead(block_raw_bytes_);
  return out;
}

}  // namespace opssight
