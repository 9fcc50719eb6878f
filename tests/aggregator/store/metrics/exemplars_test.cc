#include "aggregator/store/metrics/exemplars.h"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "aggregator/store/metrics/metrics_store.h"
#include "common/base/clock.h"

namespace opssight {
namespace {

class NoLayouts final : public LayoutLookup {
 public:
  std::shared_ptr<const Layout> Find(const LayoutId&) const override { return nullptr; }
};

class ExemplarsTest : public ::testing::Test {
 protected:
  ExemplarsTest() {
    std::string name =
        (std::filesystem::temp_directory_path() / "opssight-exemplars-XXXXXX").string();
    dir_ = mkdtemp(name.data());
    Reopen(0);
  }
  ~ExemplarsTest() override {
    store_.reset();
    meta_.reset();
    std::filesystem::remove_all(dir_);
  }
  void Reopen(WalPosition flushed) {
    store_.reset();
    meta_.reset();
    meta_ = *OpenMeta(dir_, {.map_bytes = meta_bytes_});
    MetricsOptions options{.dir = dir_, .map_bytes = 64 << 20};
    options.exemplars_head_max = 6;
    options.exemplars_day_max = 8;
    options.metadata_max = metadata_max_;
    options.metadata_bytes_max = metadata_bytes_max_;
    options.meta = meta_;
    store_ = std::make_unique<MetricsStore>(std::move(options), layouts_);
    ASSERT_TRUE(store_->Recover(flushed).has_value());
  }
  void Flush(WalPosition cut) {
    store_->Freeze(cut);
    ASSERT_TRUE(store_->Flush(cut).has_value());
    store_->Publish(cut);
  }
  void Apply(const BatchContents& contents) {
    const auto batch = DecodedBatch::Decode(EncodeBatch(contents, 0), {});
    ASSERT_TRUE(batch.has_value());
    store_->Apply({}, *batch);
  }
  void Apply(const std::string& name, std::int64_t time_ms, double value) {
    const auto series = std::make_shared<const Labels>(Labels{{"__name__", name}, {"le", "1"}});
    Apply({.exemplars = {{.series = series,
                          .time_ms = time_ms,
                          .value = value,
                          .labels = {{"trace_id", "t" + std::to_string(time_ms)}}}}});
  }
  std::string Ask(const std::string& name, std::int64_t from_ms = 0,
                  std::int64_t to_ms = 100 * kMsPerDay) {
    std::vector<Matcher> matchers;
    if (!name.empty()) matchers.push_back(*Matcher::Make(MatchType::kEqual, "__name__", name));
    const auto found = store_->exemplars().Select(matchers, from_ms, to_ms, {});
    EXPECT_TRUE(found.has_value());
    std::string out;
    for (const SeriesExemplars& one : *found) {
      out += one.series.Get("__name__");
      for (const ExemplarPoint& point : one.exemplars) {
        EXPECT_EQ(point.labels.at(0).value, "t" + std::to_string(point.time_ms));
        out += " " + std::to_string(point.time_ms) + "=" + std::to_string(int(point.value));
      }
      out += ";";
    }
    return out;
  }

  std::string dir_;
  std::size_t meta_bytes_ = 64 << 20;
  std::size_t metadata_max_ = 2;
  std::size_t metadata_bytes_max_ = 1 << 20;
  NoLayouts layouts_;
  std::shared_ptr<GuardedEnv> meta_;
  std::unique_ptr<MetricsStore> store_;
};

TEST_F(ExemplarsTest, TheSameFromHeadDiskAndAfterReopening) {
  Apply("b", 20, 2);
  Apply("b", 20, 2);  // Still shown by the next scrape.
  Apply("b", 10, 1);
  Apply("a", kMsPerDay + 5, 5);
  const std::string all = "a 86400005=5;b 10=1 20=2;";
  EXPECT_EQ(Ask(""), all);
  store_->Freeze(7);
  EXPECT_EQ(Ask(""), all);
  ASSERT_TRUE(store_->Flush(7).has_value());
  EXPECT_EQ(Ask(""), all) << "written, and not to be seen twice";
  store_->Publish(7);
  EXPECT_EQ(Ask(""), all);
  Apply("b", 10, 1);  // Repeats what is on disk: told once.
  EXPECT_EQ(Ask(""), all);
  Reopen(7);
  EXPECT_EQ(Ask(""), all);
  EXPECT_EQ(Ask("b", 11, 30), "b 20=2;");
  EXPECT_EQ(Ask("c"), "");
  Reopen(6);  // The wal did not record the cut.
  EXPECT_EQ(Ask(""), "");
}

TEST_F(ExemplarsTest, AreBoundedInHeadAndDay) {
  for (int i = 0; i < 8; ++i) Apply("a", i, i);
  EXPECT_EQ(store_->exemplars_applied(), 6U);
  EXPECT_EQ(store_->dropped_exemplars(), 2U);
  Flush(1);
  for (int i = 10; i < 14; ++i) Apply("a", i, i);
  Flush(2);
  EXPECT_EQ(store_->dropped_exemplars(), 4U);
  EXPECT_EQ(Ask("a"), "a 0=0 1=1 2=2 3=3 4=4 5=5 10=10 11=11;");
  EXPECT_EQ(store_->exemplars().Select({}, 0, 100, {.samples_max = 3}).error().code,
            ErrorCode::kExhausted);
}

TEST_F(ExemplarsTest, MetadataIsTheNewestAndStays) {
  const MetricMetadata one{.name = "a", .type = MetricType::kGauge, .help = "first"};
  MetricMetadata other = one;
  other.help = "second";
  Apply({.metadata = {one, other, {.name = "b", .unit = "seconds"}, {.name = "c"}}});
  EXPECT_EQ(store_->dropped_metadata(), 1U);
  const auto a = [&] { return *store_->metadata().Metadata("a", 0, {}); };
  EXPECT_EQ(a(), std::vector<MetricMetadata>{other});
  Flush(1);
  Reopen(1);
  EXPECT_EQ(a(), std::vector<MetricMetadata>{other});
  EXPECT_EQ(store_->metadata().Metadata("", 0, {})->size(), 2U);
  EXPECT_EQ(store_->metadata().Metadata("", 1, {})->size(), 1U);
  EXPECT_EQ(store_->metadata().Metadata("c", 0, {})->size(), 0U);
}

TEST_F(ExemplarsTest, MetadataIsBoundedInBytes) {
  metadata_max_ = 1000;
  metadata_bytes_max_ = 1000;
  Reopen(0);
  Apply({.metadata = {{.name = "a", .help = std::string(900, 'x')}}});
  Apply({.metadata = {{.name = "b", .help = std::string(99, 'x')}}});  // One too many.
  Apply({.metadata = {{.name = "b", .help = std::string(98, 'x')}}});
  EXPECT_EQ(store_->dropped_metadata(), 1U);
  Apply({.metadata = {{.name = "a", .help = std::string(902, 'x')}}});  // The old one stays.
  EXPECT_EQ(store_->dropped_metadata(), 2U);
  EXPECT_EQ(store_->metadata().Metadata("a", 0, {})->front().help.size(), 900U);
  Apply({.metadata = {{.name = "a", .help = "less"}}});
  Apply({.metadata = {{.name = "c", .help = std::string(500, 'x')}}});
  EXPECT_EQ(store_->dropped_metadata(), 2U);
  EXPECT_EQ(store_->metadata_families(), 3U);
  Flush(1);
  metadata_bytes_max_ = 300;  // Made smaller: what does not fit is left out.
  Reopen(1);
  EXPECT_EQ(store_->metadata_families(), 2U);
}

TEST_F(ExemplarsTest, MetadataThatCannotBeWrittenStopsNoFlush) {
  metadata_max_ = 1000;
  metadata_bytes_max_ = 64 << 20;
  meta_bytes_ = 1 << 20;
  Reopen(0);
  BatchContents contents;
  for (int i = 0; i < 40; ++i) {
    contents.metadata.push_back(
        {.name = "m" + std::to_string(i), .help = std::string(60'000, 'x')});
  }
  Apply(contents);
  Apply("a", 1, 1);
  Flush(1);
  EXPECT_EQ(store_->metadata_write_errors(), 1U);
  EXPECT_EQ(store_->metadata_families(), 40U);
  Flush(2);  // Tried again.
  EXPECT_EQ(store_->metadata_write_errors(), 2U);
  EXPECT_EQ(Ask("a"), "a 1=1;");
}

TEST(ExemplarPieceTest, AnyFlippedByteIsAnError) {
  const std::vector<StoredExemplar> some = {
      {.id = 3, .point = {.time_ms = 5, .value = 0.5, .labels = {{"trace_id", "x"}}}}};
  const std::string bytes = WriteExemplars(some);
  ASSERT_EQ(ReadExemplars(bytes)->at(0).point.labels, some[0].point.labels);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string bad = bytes;
    bad[i] = static_cast<char>(bad[i] ^ 4);
    EXPECT_FALSE(ReadExemplars(bad).has_value()) << i;
  }
}

}  // namespace
}  // namespace opssight
