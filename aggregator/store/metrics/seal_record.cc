#include "aggregator/store/metrics/seal_record.h"

#include <fmt/core.h>

#include "aggregator/store/columns/envelope.h"
#include "common/bytes/endian.h"
#include "common/bytes/varint.h"

namespace opssight {
namespace {

constexpr std::string_view kMagic = "OMD1";

}  // namespace

std::string EncodeSealRecord(const SealRecord& record) {
  std::string body;
  for (const std::uint64_t number : {record.merged, record.done, record.generation, record.series,
                                     record.samples, record.histograms}) {
    PutVarint(body, number);
  }
  PutZigZag(body, record.done_ms);
  PutVarint(body, record.rules.size());
  for (const std::uint64_t rule : record.rules) PutLe(body, rule);
  PutVarint(body, record.jobs.size());
  for (const auto& [name, cut] : record.jobs) {
    PutString(body, name);
    PutVarint(body, cut);
  }
  return WrapBlock(kMagic, {}, body);
}

Result<SealRecord> DecodeSealRecord(std::string_view bytes) {
  const Error bad = Corrupt(fmt::format("block {}: the record of a sealed day", kMagic));
  OPS_TRY(const BlockParts parts, OpenBlock(kMagic, bytes));
  std::string_view body = parts.columns;
  SealRecord out;
  for (std::uint64_t* number :
       {&out.merged, &out.done, &out.generation, &out.series, &out.samples, &out.histograms}) {
    const auto read = GetVarint(body);
    if (!read) return bad;
    *number = *read;
  }
  const auto done_ms = GetZigZag(body);
  const auto rules = GetVarint(body);
  if (!done_ms || !rules || *rules > body.size()) return bad;
  out.done_ms = *done_ms;
  for (std::uint64_t i = 0; i < *rules; ++i) {
    const auto rule = GetLe<std::uint64_t>(body);
    if (!rule) return bad;
    out.rules.insert(*rule);
  }
  const auto jobs = GetVarint(body);
  if (!jobs || *jobs > body.size()) return bad;
  for (std::uint64_t i = 0; i < *jobs; ++i) {
    const auto name = GetString(body);
    const auto cut = GetVarint(body);
    if (!name || !cut) return bad;
    out.jobs.emplace(*name, *cut);
  }
  return out;
}

}  // namespace opssight
