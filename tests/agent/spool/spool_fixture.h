// What the tests of the spool share: a folder of its own, batches of numbered
// lines, and what is in a batch that comes back.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/spool/spool.h"
#include "common/base/clock.h"
#include "common/bytes/hash.h"

namespace opssight {

// Lines and gaps of one batch, or of several.
struct Seen {
  std::vector<std::uint64_t> lines;
  std::vector<Gap> gaps;
  std::uint64_t gap_count = 0;

  void Add(const std::string& frame) {
    const auto batch = DecodedBatch::Decode(frame, {});
    ASSERT_TRUE(batch.has_value()) << batch.error().message;
    for (const LogRowsView& rows : (*batch)->logs()) {
      for (std::size_t i = 0; i < rows.times.size(); ++i) {
        lines.push_back(static_cast<std::uint64_t>(rows.times[i] / kNsPerSecond));
      }
    }
    for (const Gap& gap : (*batch)->gaps()) {
      gaps.push_back(gap);
      gap_count += gap.count;
    }
  }
};

class SpoolFixture : public ::testing::Test {
 protected:
  SpoolFixture() {
    std::string name = (std::filesystem::temp_directory_path() / "opssight-spool-XXXXXX").string();
    dir_ = mkdtemp(name.data());
    options_.path = dir_ + "/spool.mdb";
    options_.bytes_max = 4 << 20;
  }
  ~SpoolFixture() override { std::filesystem::remove_all(dir_); }

  std::unique_ptr<Spool> Open() {
    auto spool = Spool::Open(options_, clock_);
    EXPECT_TRUE(spool.has_value()) << spool.error().message;
    return spool ? *std::move(spool) : nullptr;
  }

  // Lines [first, first + count), at as many seconds; each of pad bytes that do not compress.
  static SpoolWrite Lines(std::uint64_t first, std::uint64_t count, std::size_t pad = 8,
                          const std::string& app = "a") {
    BatchContents contents;
    LogRows rows;
    rows.stream = std::make_shared<const Labels>(Labels{{"app", app}});
    for (std::uint64_t i = first; i < first + count; ++i) {
      std::string line;
      for (std::uint64_t at = 0; line.size() < pad; ++at) {
        line += static_cast<char>(Hash64(std::to_string(at), i));
      }
      rows.Add(static_cast<std::int64_t>(i) * kNsPerSecond, line);
    }
    contents.logs.push_back(std::move(rows));
    return {.id = NextId(),
            .frame = EncodeBatch(contents, 1),
            .summary = Summarize(contents),
            .layouts = {},
            .positions = {{.key = "tail/1", .value = std::to_string(first + count - 1)}}};
  }
  static std::uint64_t NextId() {
    static std::uint64_t id = 0;
    return ++id;
  }

  static std::vector<std::uint64_t> MustWrite(Spool& spool, std::vector<SpoolWrite> writes) {
    auto seqs = spool.Write(writes);
    EXPECT_TRUE(seqs.has_value()) << seqs.error().message;
    return seqs ? *seqs : std::vector<std::uint64_t>();
  }
  static std::vector<SpooledBatch> ReadAll(Spool& spool) {
    std::uint64_t damaged = 0;
    auto batches = spool.ReadFrom(1, 1UL << 30, &damaged);
    EXPECT_TRUE(batches.has_value()) << batches.error().message;
    return batches ? *std::move(batches) : std::vector<SpooledBatch>();
  }
  static Seen SeeAll(Spool& spool) {
    Seen seen;
    for (const SpooledBatch& batch : ReadAll(spool)) {
      EXPECT_EQ(batch.hash, Hash64(batch.frame));
      seen.Add(batch.frame);
    }
    return seen;
  }
  static std::string PositionOf(Spool& spool, const std::string& key) {
    auto positions = spool.ReadPositions(key);
    EXPECT_TRUE(positions.has_value());
    return positions->empty() ? "" : positions->front().value.value_or("");
  }

  std::string dir_;
  SpoolOptions options_;
  FakeClock clock_;
};

}  // namespace opssight
