// Bytes and CPU a sample of the chunk codec, on made-up series and, where a file is
// named, on a recording: u32 series, then rows of an i64 time and a double each.
//
//   chunk_bench [recording]
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "aggregator/store/metrics/chunk.h"
#include "common/bytes/endian.h"
#include "tests/bench/metric_mix.h"

namespace opssight::bench {
namespace {

using Column = std::vector<double>;

double CpuNs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

void Measure(std::string_view name, const std::vector<Column>& columns, std::size_t chunk) {
  constexpr int kRounds = 5;
  double encode_ns = 1e300;
  double decode_ns = 1e300;
  std::size_t bytes = 0;
  std::size_t samples = 0;
  std::vector<double> back(chunk);
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::string> blocks(columns.size());
    std::vector<std::vector<std::size_t>> ends(columns.size());
    for (std::string& block : blocks) block.reserve(columns[0].size() * 9);
    samples = 0;
    bytes = 0;
    const double start = CpuNs();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      ChunkHint hint = 0;
      for (std::size_t at = 0; at < columns[i].size(); at += chunk) {
        const std::size_t count = std::min(chunk, columns[i].size() - at);
        EncodeChunk(std::span(columns[i]).subspan(at, count), hint, blocks[i]);
        ends[i].push_back(blocks[i].size());
        samples += count;
      }
      bytes += blocks[i].size();
    }
    const double middle = CpuNs();
    bool good = true;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      std::size_t from = 0;
      for (std::size_t k = 0; k < ends[i].size(); ++k) {
        const std::size_t count = std::min(chunk, columns[i].size() - k * chunk);
        good &= DecodeChunk(std::string_view(blocks[i]).substr(from, ends[i][k] - from),
                            std::span(back).first(count));
        good &= std::memcmp(back.data(), columns[i].data() + k * chunk, count * 8) == 0;
        from = ends[i][k];
      }
    }
    if (!good) std::printf("%.*s: WRONG\n", static_cast<int>(name.size()), name.data());
    encode_ns = std::min(encode_ns, (middle - start) / static_cast<double>(samples));
    decode_ns = std::min(decode_ns, (CpuNs() - middle) / static_cast<double>(samples));
  }
  std::printf("%-22.*s %4zu a chunk: %6.3f B/sample, encode %5.2f ns, decode %5.2f ns\n",
              static_cast<int>(name.size()), name.data(), chunk,
              static_cast<double>(bytes) / static_cast<double>(samples), encode_ns, decode_ns);
}

std::vector<Column> Make(std::vector<MixedSeries> series, std::size_t rows) {
  std::vector<Column> columns;
  for (MixedSeries& one : series) {
    Column column;
    for (std::size_t i = 0; i < rows; ++i) column.push_back(one.Next());
    columns.push_back(std::move(column));
  }
  return columns;
}

std::vector<Column> ReadRecording(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  std::string_view rest(bytes);
  const auto series = GetLe<std::uint32_t>(rest);
  std::vector<Column> columns(series.value_or(0));
  while (!columns.empty() && rest.size() >= 8 * (1 + columns.size())) {
    rest.remove_prefix(8);
    for (Column& column : columns) column.push_back(*GetLe<double>(rest));
  }
  return columns;
}

}  // namespace
}  // namespace opssight::bench

int main(int argc, char** argv) {
  using namespace opssight::bench;  // NOLINT(google-build-using-namespace)
  const auto host = Make(MakeMix(kHostMix, 4000, 1), 240);
  const auto harsh = Make(MakeMix(kHarshMix, 4000, 2), 240);
  for (const std::size_t chunk : {30UL, 120UL, 240UL}) {
    Measure("host mix", host, chunk);
    Measure("harsh mix", harsh, chunk);
  }
  for (std::size_t kind = 0; kind < kKindNames.size(); ++kind) {
    std::array<unsigned, 8> only{};
    only[kind] = 100;
    Measure(kKindNames[kind], Make(MakeMix(only, 1000, 3), 240), 120);
  }
  if (argc > 1) {
    const auto recorded = ReadRecording(argv[1]);
    if (!recorded.empty()) {
      for (const std::size_t chunk : {30UL, 120UL, 240UL}) Measure("recording", recorded, chunk);
    }
  }
}
