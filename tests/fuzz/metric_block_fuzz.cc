// Any bytes are a block of groups, a list of blocks, or a piece of the series log, or
// refused. The checksum is set right first, so that what lies behind it is reached.
// First byte: which of them; 3: a group alone; 4: native histograms; 5: exemplars;
// 6: a tombstone; 7: the record of a sealed day.
#include <algorithm>
#include <cstdint>
#include <string>

#include "aggregator/store/columns/envelope.h"
#include "aggregator/store/metrics/exemplars.h"
#include "aggregator/store/metrics/group.h"
#include "aggregator/store/metrics/histogram_chunk.h"
#include "aggregator/store/metrics/metric_block.h"
#include "aggregator/store/metrics/seal_record.h"
#include "aggregator/store/metrics/tombstones.h"
#include "common/bytes/endian.h"
#include "common/bytes/zstd.h"

namespace opssight {
namespace {

void ReadColumns(std::string_view group) {
  GroupReader reader;
  GroupColumn column;
  if (!reader.Open(group)) return;
  for (std::size_t i = 0; i < reader.columns() && i < 64; ++i) {
    if (reader.Read(i, column) && column.count > reader.times().size()) __builtin_trap();
  }
}

// head: a length byte, then so many bytes; columns: the rest.
std::string Wrapped(std::string_view magic, std::string_view body, bool packed) {
  const std::size_t size =
      body.empty() ? 0
                   : std::min<std::size_t>(static_cast<unsigned char>(body[0]), body.size() - 1);
  const std::string_view head = body.empty() ? body : body.substr(1, size);
  const std::string_view rest = body.empty() ? body : body.substr(1 + size);
  return WrapBlock(magic, head, packed ? ZstdCompress(rest) : std::string(rest));
}

}  // namespace
}  // namespace opssight

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace opssight;  // NOLINT(google-build-using-namespace)
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 8) {
    case 0: {
      const std::string block = Wrapped("OMB1", body, false);
      const auto groups = ReadBlock(block, data[0] % 2 == 0);
      if (!groups) return 0;
      for (const BlockGroup& group : *groups) ReadColumns(group.body);
      return 0;
    }
    case 1:
      if (const auto list = ReadSummaries(Wrapped("OMC1", body, true))) (void)list->size();
      return 0;
    case 2: {
      SeriesIndex index;
      const Status status = ReadSeriesPiece(Wrapped("OMS1", body, true), index);
      if (status) index.Match({});
      return 0;
    }
    case 4: {
      std::vector<HistogramPoint> points;
      if (!DecodeHistograms(body, 0, INT64_MAX, points) || points.empty()) return 0;
      if (!SameHistogramLayout(*points.front().histogram, *points.back().histogram)) {
        __builtin_trap();
      }
      return 0;
    }
    case 5:
      if (const auto exemplars = ReadExemplars(Wrapped("OME1", body, true))) {
        (void)exemplars->size();
      }
      return 0;
    case 7:
      if (const auto record = DecodeSealRecord(Wrapped("OMD1", body, false))) {
        if (!DecodeSealRecord(EncodeSealRecord(*record))) __builtin_trap();
      }
      return 0;
    case 6:
      if (const auto tombstone = DecodeTombstone(body)) {
        if (!DecodeTombstone(EncodeTombstone(*tombstone))) __builtin_trap();
      }
      return 0;
    default:
      ReadColumns(body);
      return 0;
  }
}
