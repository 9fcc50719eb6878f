#include "agent/spool/spool.h"

#include <fstream>

#include "tests/agent/spool/spool_fixture.h"

namespace opssight {
namespace {

using Ranges = std::vector<SeqRange>;

class SpoolTest : public SpoolFixture {
 protected:
  static SpoolWrite Metrics(const std::shared_ptr<const Layout>& layout, std::int64_t time_ms) {
    BatchContents contents;
    contents.metrics.push_back({.layout = layout, .time_ms = time_ms, .values = {1.0}});
    return {.id = NextId(),
            .frame = EncodeBatch(contents, 1),
            .summary = Summarize(contents),
            .layouts = {layout},
            .positions = {}};
  }
  static std::shared_ptr<const Layout> LayoutNamed(const std::string& name) {
    return std::make_shared<const Layout>(std::vector<LayoutSeries>{
        {.labels = Labels{{"__name__", name}, {"job", "node"}, {"instance", "h1"}}}});
  }
  static Status RebaseNow(Spool& spool, RebaseOrder order) {
    Status result = Internal("not called");
    spool.Rebase(std::move(order), [&](Status status) { result = std::move(status); });
    MustWrite(spool, {});
    return result;
  }
};

TEST_F(SpoolTest, KeepsBatchesAndPositionsOverReopening) {
  EXPECT_EQ(MustWrite(*Open(), {Lines(1, 3), Lines(4, 2)}), (std::vector<std::uint64_t>{1, 2}));
  auto spool = Open();
  EXPECT_EQ(spool->Ranges(), (Ranges{{1, 2}}));
  EXPECT_EQ(SeeAll(*spool).lines, (std::vector<std::uint64_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(PositionOf(*spool, "tail/"), "5");
  EXPECT_EQ(MustWrite(*spool, {Lines(6, 1)}), std::vector<std::uint64_t>{3});
}

TEST_F(SpoolTest, PositionsAloneTakeNoNumber) {
  auto spool = Open();
  MustWrite(*spool, {Lines(1, 1)});
  SpoolWrite write;
  write.id = NextId();
  write.positions = {{.key = "tail/1", .value = std::nullopt}, {.key = "journal", .value = "c"}};
  EXPECT_EQ(MustWrite(*spool, {write}), std::vector<std::uint64_t>{0});
  EXPECT_EQ(PositionOf(*spool, "tail/"), "");
  EXPECT_EQ(PositionOf(*spool, "journal"), "c");
  EXPECT_EQ(spool->next_seq(), 2U);
}

TEST_F(SpoolTest, RemovesWhatIsAcknowledgedWithTheNextWrite) {
  auto spool = Open();
  MustWrite(*spool, {Lines(1, 1), Lines(2, 1), Lines(3, 1)});
  const std::uint64_t commits = spool->stats().counters.commits;
  spool->Remove({{2, 2}, {90, 99}});
  EXPECT_EQ(spool->Ranges(), (Ranges{{1, 3}}));
  MustWrite(*spool, {Lines(4, 1)});
  EXPECT_EQ(spool->Ranges(), (Ranges{{1, 1}, {3, 4}}));
  EXPECT_EQ(spool->stats().counters.commits, commits + 1);
  spool->Remove({{1, 4}});
  MustWrite(*spool, {});
  EXPECT_EQ(spool->stats().bytes, 0U);
  EXPECT_TRUE(ReadAll(*spool).empty());
  spool.reset();
  EXPECT_EQ(MustWrite(*Open(), {Lines(5, 1)}), std::vector<std::uint64_t>{5});
}

TEST_F(SpoolTest, ReadsAboutAsManyBytesAsAskedFor) {
  auto spool = Open();
  MustWrite(*spool, {Lines(1, 1, 5000), Lines(2, 1, 5000), Lines(3, 1, 5000)});
  std::uint64_t damaged = 0;
  EXPECT_EQ(spool->ReadFrom(2, 1, &damaged)->size(), 1U);
  EXPECT_EQ(spool->ReadFrom(2, 1, &damaged)->front().seq, 2U);
  EXPECT_EQ(spool->ReadFrom(1, 12'000, &damaged)->size(), 2U);
  EXPECT_EQ(spool->ReadFrom(4, 12'000, &damaged)->size(), 0U);
}

TEST_F(SpoolTest, AtTheCapTheOldestBecomeGapsUnderTheirNumbers) {
  options_.bytes_max = 100 << 10;
  auto spool = Open();
  for (std::uint64_t i = 0; i < 20; ++i) MustWrite(*spool, {Lines(1 + i * 2, 2, 5000)});
  EXPECT_LE(spool->stats().bytes, options_.bytes_max);
  EXPECT_TRUE(spool->nearly_full());
  const auto batches = ReadAll(*spool);
  ASSERT_EQ(batches.size(), 20U);
  Seen seen;
  for (const SpooledBatch& batch : batches) seen.Add(batch.frame);
  ASSERT_EQ(seen.gaps.size(), 1U);  // One for the whole run: it was never sent.
  EXPECT_EQ(seen.gaps[0].stream, "{app=\"a\"}");
  EXPECT_EQ(seen.gaps[0].reason, "spool full");
  EXPECT_EQ(seen.gaps[0].from_ns, kNsPerSecond);
  EXPECT_EQ(seen.gap_count + seen.lines.size(), 40U);
  EXPECT_EQ(spool->stats().counters.dropped[1], seen.gap_count);
  spool.reset();
  spool = Open();
  const Seen again = SeeAll(*spool);
  EXPECT_EQ(again.lines, seen.lines);
  EXPECT_EQ(again.gaps, seen.gaps);
}

TEST_F(SpoolTest, ASentBatchKeepsItsGapUnderItsOwnNumber) {
  options_.bytes_max = 60 << 10;
  auto spool = Open();
  for (std::uint64_t i = 0; i < 5; ++i) MustWrite(*spool, {Lines(1 + i, 1, 10'000)});
  const auto sent = ReadAll(*spool);
  for (std::uint64_t i = 5; i < 8; ++i) MustWrite(*spool, {Lines(1 + i, 1, 10'000)});
  const auto now = ReadAll(*spool);
  ASSERT_EQ(now.size(), 8U);
  for (std::size_t i = 0; i < 3; ++i) {
    Seen seen;
    seen.Add(now[i].frame);
    EXPECT_EQ(seen.gap_count, 1U) << i;
    EXPECT_TRUE(now[i].tombstone);
    EXPECT_EQ(spool->HadHash(i + 1, sent[i].hash), true);
    EXPECT_EQ(spool->HadHash(i + 1, now[i].hash), true);
    EXPECT_EQ(spool->HadHash(i + 1, 12345), false);
  }
  EXPECT_EQ(spool->HadHash(99, 1), std::nullopt);
}

TEST_F(SpoolTest, TombstonesAreMergedAllTheSameWhenTheyTakeTooMuch) {
  options_.bytes_max = 60 << 10;
  options_.tombstone_divisor = 100;  // 600 bytes.
  auto spool = Open();
  for (std::uint64_t i = 0; i < 60; ++i) {
    MustWrite(*spool, {Lines(1 + i, 1, 10'000, "app" + std::to_string(i % 3))});
    // Each tombstone is sent as soon as it is there, and no answer comes.
    const std::uint64_t tombstones = spool->stats().counters.tombstones;
    for (std::uint64_t seq = 1; seq <= tombstones; ++seq) {
      std::uint64_t damaged = 0;
      ASSERT_TRUE(spool->ReadFrom(seq, 1, &damaged)->front().tombstone);
    }
  }
  const Seen seen = SeeAll(*spool);
  EXPECT_EQ(seen.gap_count + seen.lines.size(), 60U);
  EXPECT_LT(seen.gaps.size(), 20U);
}

TEST_F(SpoolTest, GapsOfMetricsNameJobAndInstance) {
  options_.bytes_max = 4 << 10;
  auto spool = Open();
  for (int i = 0; i < 50; ++i) MustWrite(*spool, {Metrics(LayoutNamed("up"), i)});
  const Seen seen = SeeAll(*spool);
  ASSERT_EQ(seen.gaps.size(), 1U);
  EXPECT_EQ(seen.gaps[0].stream, "node/h1");
  EXPECT_EQ(seen.gaps[0].signal, Signal::kMetrics);
}

TEST_F(SpoolTest, ReplacesABatchThatWasRefused) {
  auto spool = Open();
  MustWrite(*spool, {Lines(1, 4), Lines(5, 1)});
  const std::uint64_t original = ReadAll(*spool)[0].hash;
  Status done = Internal("not called");
  spool->Replace(1, "refused", [&](Status status) { done = std::move(status); });
  MustWrite(*spool, {});
  EXPECT_TRUE(done.has_value());
  const Seen seen = SeeAll(*spool);
  EXPECT_EQ(seen.lines, std::vector<std::uint64_t>{5});
  ASSERT_EQ(seen.gaps.size(), 1U);
  EXPECT_EQ(seen.gaps[0].count, 4U);
  EXPECT_EQ(seen.gaps[0].reason, "refused");
  EXPECT_EQ(spool->HadHash(1, original), true);
  // Refused again: given up, and its hash is still known.
  spool->Replace(1, "again", nullptr);
  MustWrite(*spool, {});
  EXPECT_TRUE(SeeAll(*spool).gaps.empty());
  EXPECT_EQ(spool->HadHash(1, original), true);
}

TEST_F(SpoolTest, LayoutsAreKeptOnceAndWhileNeeded) {
  options_.layouts_max = 10;
  auto spool = Open();
  const auto first = LayoutNamed("first");
  MustWrite(*spool, {Metrics(first, 1)});
  for (int i = 0; i < 30; ++i) MustWrite(*spool, {Metrics(LayoutNamed(std::to_string(i)), i)});
  EXPECT_TRUE(spool->ReadLayout(first->id()).has_value());  // Batch 1 is still there.
  EXPECT_EQ(spool->stats().counters.layouts_evicted, 0U);
  spool->Remove({{1, 30}});
  MustWrite(*spool, {Metrics(LayoutNamed("last"), 99)});
  const auto gone = spool->ReadLayout(first->id());
  ASSERT_FALSE(gone.has_value());
  EXPECT_EQ(gone.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(spool->stats().counters.layouts_evicted, 23U);
  const auto frame = spool->ReadLayout(LayoutNamed("last")->id());
  ASSERT_TRUE(frame.has_value());
  EXPECT_TRUE(DecodeLayout(*frame, {}).has_value());
}

TEST_F(SpoolTest, ANewSpoolWantsAnEpochAndKeepsItsNumbers) {
  auto spool = Open();
  MustWrite(*spool, {Lines(1, 1), Lines(2, 1)});
  EXPECT_TRUE(spool->wants_epoch());
  EXPECT_EQ(spool->epoch(), 0U);
  // What the aggregator has is of another spool of this agent.
  EXPECT_TRUE(RebaseNow(*spool, {.new_epoch = 4, .stored = {{1, 100, 9}}, .sure_from = 1'000}));
  EXPECT_FALSE(spool->wants_epoch());
  EXPECT_EQ(spool->epoch(), 4U);
  EXPECT_EQ(SeeAll(*spool).lines, (std::vector<std::uint64_t>{1, 2}));
  spool.reset();
  spool = Open();
  EXPECT_EQ(spool->epoch(), 4U);
  EXPECT_FALSE(spool->wants_epoch());
}

TEST_F(SpoolTest, KnowsWhoseItsNumbersAre) {
  auto spool = Open();
  MustWrite(*spool, {Lines(1, 1)});
  EXPECT_EQ(spool->agent_id(), "");
  ASSERT_TRUE(RebaseNow(*spool, {.new_epoch = 4, .agent_id = "one"}));
  ASSERT_TRUE(RebaseNow(*spool, {.new_epoch = 4, .agent_id = "two"}));
  spool.reset();
  spool = Open();
  EXPECT_EQ(spool->agent_id(), "two");
  EXPECT_EQ(spool->Ranges(), (Ranges{{1, 1}}));
}

TEST_F(SpoolTest, ACopiedFileWantsAnEpochAndKnowsWhatIsStored) {
  {
    auto spool = Open();
    MustWrite(*spool, {Lines(1, 1), Lines(2, 1), Lines(3, 1)});
    ASSERT_TRUE(RebaseNow(*spool, {.new_epoch = 1}));
  }
  std::filesystem::copy(options_.path, options_.path + ".copy");
  std::filesystem::rename(options_.path, options_.path + ".first");
  std::filesystem::rename(options_.path + ".copy", options_.path);
  auto spool = Open();
  EXPECT_TRUE(spool->wants_epoch());
  MustWrite(*spool, {Lines(4, 1), Lines(5, 1)});
  // The original went on to 7 and all but its batch 3 came through.
  EXPECT_TRUE(
      RebaseNow(*spool, {.new_epoch = 2, .stored = {{1, 2, 8}, {4, 7, 9}}, .sure_from = 1'000}));
  const Seen seen = SeeAll(*spool);
  EXPECT_EQ(seen.lines, (std::vector<std::uint64_t>{3, 4, 5}));
  EXPECT_TRUE(seen.gaps.empty());
  EXPECT_EQ(spool->Ranges(), (Ranges{{1, 3}}));
  EXPECT_EQ(MustWrite(*spool, {Lines(6, 1)}), std::vector<std::uint64_t>{4});
}

TEST_F(SpoolTest, ARestoredStateSaysWhatIsNotProven) {
  auto spool = Open();
  ASSERT_TRUE(RebaseNow(*spool, {.new_epoch = 1}));
  for (std::uint64_t i = 1; i <= 6; ++i) MustWrite(*spool, {Lines(i, 1)});
  const std::uint64_t hash2 = ReadAll(*spool)[1].hash;
  EXPECT_TRUE(RebaseNow(*spool, {.new_epoch = 2,
                                 .stored = {{1, 2, hash2}, {3, 5, 77}},
                                 .proven_through = 3,
                                 .sure_from = 5}));
  const Seen seen = SeeAll(*spool);
  EXPECT_EQ(seen.lines, (std::vector<std::uint64_t>{5, 6}));
  ASSERT_EQ(seen.gaps.size(), 1U);  // Of 4 alone.
  EXPECT_EQ(seen.gaps[0].count, 1U);
  EXPECT_EQ(seen.gaps[0].from_ns, 4 * kNsPerSecond);
  EXPECT_EQ(spool->Ranges(), (Ranges{{1, 3}}));
  EXPECT_TRUE(RebaseNow(*spool, {.new_epoch = 3, .lost = 12}));
  EXPECT_EQ(SeeAll(*spool).gap_count, 13U);
}

TEST_F(SpoolTest, OneThatCannotBeReadIsMovedAsideAndSaid) {
  std::ofstream(options_.path) << std::string(20'000, 'x');
  auto spool = Open();
  ASSERT_NE(spool, nullptr);
  EXPECT_TRUE(spool->wants_epoch());
  EXPECT_EQ(spool->stats().counters.unreadable, 1U);
  const Seen seen = SeeAll(*spool);
  ASSERT_EQ(seen.gaps.size(), 3U);
  EXPECT_THAT(seen.gaps[0].reason, ::testing::HasSubstr("spool was unreadable"));
  int aside = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
    aside += entry.path().string().find(".bad-") != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(aside, 1);
}

}  // namespace
}  // namespace opssight
