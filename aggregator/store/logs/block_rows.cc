#include <algorithm>
#include <utility>

#include "aggregator/store/logs/block.h"
#include "aggregator/store/logs/block_format.h"
#include "aggregator/store/logs/lines_read.h"
#include "aggregator/store/logs/section.h"
#include "common/bytes/hash.h"
#include "common/bytes/varint.h"
#include "common/bytes/zstd.h"

namespace opssight {
namespace {

struct RowMetadata {
  std::uint64_t row = 0;
  std::vector<Label> labels;
};

Result<std::string_view> OpenPart(const BlockHead::Part& part, std::string_view block) {
  if (part.at > block.size() || part.size > block.size() - part.at) return BadLogBlock("short");
  const std::string_view bytes = block.substr(part.at, part.size);
  if (Hash64(bytes) != part.checksum) return BadLogBlock("bad checksum");
  return bytes;
}

Result<std::vector<RowMetadata>> ParseMetadata(std::string_view bytes, std::uint64_t rows) {
  std::vector<RowMetadata> metadata;
  std::uint64_t row = 0;
  for (std::string_view rest = bytes; !rest.empty();) {
    const auto delta = GetVarint(rest);
    if (!delta || *delta >= rows - row) return BadLogBlock("metadata row");
    row += *delta;
    OPS_TRY(const Labels labels, ReadBlockLabels(rest));
    metadata.push_back({.row = row, .labels = {labels.begin(), labels.end()}});
  }
  return metadata;
}

}  // namespace

Result<bool> BlockMayContain(const BlockHead& head, std::string_view block,
                             const std::vector<TextKeys>& texts) {
  if (texts.empty() || head.filter.size == 0) return true;
  OPS_TRY(const std::string_view filter, OpenPart(head.filter, block));
  return std::all_of(texts.begin(), texts.end(),
                     [&](const TextKeys& text) { return text.MayBeIn(filter); });
}

struct BlockRows::State {
  State(std::string_view sections_, const BlockLimits& limits_)
      : sections(sections_), limits(limits_), budget(limits_.decoded_bytes_max) {}

  std::string_view sections;
  BlockLimits limits;
  DecodeBudget budget;
  std::vector<std::int64_t> times_ns;
  SectionRef metadata_section;
  bool metadata_open = false;
  std::vector<RowMetadata> metadata;  // By row.
  LinesReader lines;
};

BlockRows::BlockRows(std::unique_ptr<State> state) : state_(std::move(state)) {}
BlockRows::BlockRows(BlockRows&&) noexcept = default;
BlockRows& BlockRows::operator=(BlockRows&&) noexcept = default;
BlockRows::~BlockRows() = default;

Result<BlockRows> BlockRows::Open(const BlockHead& head, std::string_view block,
                                  const BlockLimits& limits) {
  OPS_TRY(const std::string_view packed, OpenPart(head.directory, block));
  auto state =
      std::make_unique<State>(block.substr(head.directory.at + head.directory.size), limits);
  std::string directory;
  OPS_RETURN_IF_ERROR(ZstdDecompress(packed, limits.raw_bytes_max, directory));
  OPS_RETURN_IF_ERROR(state->budget.Charge(directory.size()));
  std::string_view rest = directory;
  std::size_t at = 0;
  OPS_TRY(const SectionRef times, GetSection(rest, at, state->sections));
  OPS_TRY(state->metadata_section, GetSection(rest, at, state->sections));
  OPS_TRY(const std::string run, OpenSection(times, state->sections, state->budget));
  OPS_TRY(state->times_ns, DecodeRun(run, head.rows, state->budget));
  for (const BlockStream& stream : head.streams) {
    for (std::uint64_t row = stream.first_row; row < stream.first_row + stream.rows; ++row) {
      state->times_ns[row] =
          static_cast<std::int64_t>(static_cast<std::uint64_t>(state->times_ns[row]) +
                                    static_cast<std::uint64_t>(stream.min_ns));
    }
  }
  OPS_TRY(state->lines,
          LinesReader::Parse(rest, at, state->sections, state->times_ns, state->budget));
  if (!rest.empty() || at != state->sections.size()) return BadLogBlock("bytes after the columns");
  return BlockRows(std::move(state));
}

const std::vector<std::int64_t>& BlockRows::times_ns() const {
  return state_->times_ns;
}

Result<std::string> BlockRows::Line(std::size_t row) {
  std::string line;
  OPS_RETURN_IF_ERROR(state_->lines.Append(row, state_->limits.raw_bytes_max, line));
  return line;
}

Result<std::vector<Label>> BlockRows::Metadata(std::size_t row) {
  if (!state_->metadata_open) {
    OPS_TRY(const std::string bytes,
            OpenSection(state_->metadata_section, state_->sections, state_->budget));
    OPS_TRY(state_->metadata, ParseMetadata(bytes, rows()));
    state_->metadata_open = true;
  }
  const auto& metadata = state_->metadata;
  const auto it = std::lower_bound(metadata.begin(), metadata.end(), row,
                                   [](const RowMetadata& a, std::size_t b) { return a.row < b; });
  if (it == metadata.end() || it->row != row) return std::vector<Label>();
  return it->labels;
}

Result<std::vector<std::uint8_t>> BlockRows::Contains(std::string_view text) {
  return state_->lines.Contains(text, state_->limits.raw_bytes_max);
}

}  // namespace opssight
