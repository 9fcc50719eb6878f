#include "aggregator/store/metrics/exemplars.h"

#include <algorithm>
#include <bit>
#include <tuple>
#include <utility>

#include <fmt/core.h>

#include "aggregator/store/columns/envelope.h"
#include "common/bytes/endian.h"
#include "common/bytes/hash.h"
#include "common/bytes/varint.h"
#include "common/bytes/zstd.h"

namespace opssight {
namespace {

constexpr std::string_view kMagic = "OME1";
constexpr std::size_t kUnpackedMax = 64UL << 20;
constexpr std::uint64_t kLabelsMax = 1024;  // Of one exemplar.

Error Bad(std::string_view what) {
  return Corrupt(fmt::format("block {}: {}", kMagic, what));
}

void PutExemplar(const StoredExemplar& exemplar, std::string& out) {
  PutVarint(out, exemplar.id);
  PutZigZag(out, exemplar.point.time_ms);
  PutLe(out, std::bit_cast<std::uint64_t>(exemplar.point.value));
  PutVarint(out, exemplar.point.labels.size());
  for (const Label& label : exemplar.point.labels) {
    PutString(out, label.name);
    PutString(out, label.value);
  }
}

bool TakeExemplar(std::string_view& bytes, StoredExemplar& out) {
  const auto id = GetVarint(bytes);
  const auto time_ms = GetZigZag(bytes);
  const auto value = GetLe<std::uint64_t>(bytes);
  const auto labels = GetVarint(bytes);
  if (!id || !time_ms || !value || !labels || *id >= UINT32_MAX || *labels > kLabelsMax) {
    return false;
  }
  out.id = static_cast<SeriesId>(*id);
  out.point.time_ms = *time_ms;
  out.point.value = std::bit_cast<double>(*value);
  for (std::uint64_t i = 0; i < *labels; ++i) {
    const auto name = GetString(bytes);
    const auto text = GetString(bytes);
    if (!name || !text) return false;
    out.point.labels.push_back({.name = std::string(*name), .value = std::string(*text)});
  }
  return true;
}

// NaN equals itself here.
std::tuple<std::int64_t, std::uint64_t, const std::vector<Label>&> KeyOf(
    const ExemplarPoint& point) {
  return {point.time_ms, std::bit_cast<std::uint64_t>(point.value), point.labels};
}

}  // namespace

std::size_t BytesOf(const StoredExemplar& exemplar) {
  std::size_t bytes = sizeof(StoredExemplar);
  for (const Label& label : exemplar.point.labels) {
    bytes += sizeof(Label) + label.name.size() + label.value.size();
  }
  return bytes;
}

void ExemplarHead::Add(StoredExemplar exemplar) {
  MutexLock lock(mutex_);
  exemplars_.push_back(std::move(exemplar));
}

std::size_t ExemplarHead::size() const {
  MutexLock lock(mutex_);
  return exemplars_.size();
}

std::vector<StoredExemplar> ExemplarHead::Find(std::span<const SeriesId> ids, std::int64_t from_ms,
                                               std::int64_t to_ms) const {
  std::vector<StoredExemplar> out;
  MutexLock lock(mutex_);
  for (const StoredExemplar& one : exemplars_) {
    if (one.point.time_ms < from_ms || one.point.time_ms > to_ms) continue;
    if (std::binary_search(ids.begin(), ids.end(), one.id)) out.push_back(one);
  }
  return out;
}

std::vector<StoredExemplar> ExemplarHead::All() const {
  MutexLock lock(mutex_);
  return exemplars_;
}

bool ExemplarRepeats::Repeats(const StoredExemplar& exemplar) {
  std::string bytes;
  PutExemplar(exemplar, bytes);
  const std::uint64_t hash = Hash64(bytes);
  const auto [it, is_new] = last_.try_emplace(exemplar.id, hash);
  return !is_new && std::exchange(it->second, hash) == hash;
}

std::string WriteExemplars(std::span<const StoredExemplar> exemplars) {
  std::int64_t min_ms = exemplars.front().point.time_ms;
  std::int64_t max_ms = min_ms;
  std::string body;
  for (const StoredExemplar& one : exemplars) {
    min_ms = std::min(min_ms, one.point.time_ms);
    max_ms = std::max(max_ms, one.point.time_ms);
    PutExemplar(one, body);
  }
  std::string head;
  PutVarint(head, exemplars.size());
  PutZigZag(head, min_ms);
  PutZigZag(head, max_ms);
  return WrapBlock(kMagic, head, ZstdCompress(body));
}

Result<ExemplarPiece> ReadExemplarHead(std::string_view bytes) {
  OPS_TRY(std::string_view head, OpenBlockHead(kMagic, bytes));
  const auto count = GetVarint(head);
  const auto min_ms = GetZigZag(head);
  const auto max_ms = GetZigZag(head);
  if (!count || !min_ms || !max_ms || *count > kExemplarsPerPiece) return Bad("head");
  return ExemplarPiece{.count = *count, .min_ms = *min_ms, .max_ms = *max_ms};
}

Result<std::vector<StoredExemplar>> ReadExemplars(std::string_view bytes) {
  OPS_TRY(const ExemplarPiece piece, ReadExemplarHead(bytes));
  OPS_TRY(const BlockParts parts, OpenBlock(kMagic, bytes));
  std::string unpacked;
  OPS_RETURN_IF_ERROR(ZstdDecompress(parts.columns, kUnpackedMax, unpacked));
  std::string_view body(unpacked);
  std::vector<StoredExemplar> out(piece.count);
  for (StoredExemplar& one : out) {
    if (!TakeExemplar(body, one)) return Bad("exemplar");
  }
  return out;
}

void ExemplarAnswer::Add(const Labels& series, ExemplarPoint point) {
  series_[series].push_back(std::move(point));
  ++size_;
}

std::vector<SeriesExemplars> ExemplarAnswer::Finish() {
  std::vector<SeriesExemplars> out;
  for (auto& [labels, points] : series_) {
    std::sort(points.begin(), points.end(),
              [](const ExemplarPoint& a, const ExemplarPoint& b) { return KeyOf(a) < KeyOf(b); });
    points.erase(std::unique(points.begin(), points.end(),
                             [](const ExemplarPoint& a, const ExemplarPoint& b) {
                               return KeyOf(a) == KeyOf(b);
                             }),
                 points.end());
    out.push_back({.series = labels, .exemplars = std::move(points)});
  }
  return out;
}

}  // namespace opssight
