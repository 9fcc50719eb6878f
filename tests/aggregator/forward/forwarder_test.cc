#include "aggregator/forward/forwarder.h"

#include <map>

#include "aggregator/store/wal_entry.h"
#include "common/bytes/snappy.h"
#include "tests/support/http.h"
#include "tests/support/temp_dir.h"

namespace opssight {
namespace {

std::shared_ptr<const Layout> MakeLayout(std::size_t width) {
  std::vector<LayoutSeries> series;
  for (std::size_t i = 0; i < width; ++i) {
    series.push_back({.labels = {{"__name__", "m"}, {"i", std::to_string(i)}}});
  }
  return std::make_shared<const Layout>(std::move(series));
}

// A wal in memory.
class FakeTap final : public WalTap, public LayoutLookup {
 public:
  void Add(const BatchContents& contents) {
    const std::string frame = EncodeBatch(contents, 0);
    std::string value;
    EncodeWalEntry("", 0, 0, Hash64(frame), frame, &value);
    MutexLock lock(mutex_);
    entries_[++last_] = std::move(value);
  }
  // Rows of a width of three, numbered on.
  void AddRows(std::size_t rows) {
    BatchContents contents;
    for (std::size_t i = 0; i < rows; ++i) {
      const auto n = static_cast<double>(next_ += 3);
      contents.metrics.push_back({.layout = layout_,
                                  .time_ms = static_cast<std::int64_t>(n),
                                  .values = {n - 2, n - 1, n}});
    }
    Add(contents);
  }
  void Trim(WalPosition cut) {
    MutexLock lock(mutex_);
    entries_.erase(entries_.begin(), entries_.upper_bound(cut));
  }
  void Corrupt(WalPosition at) {
    MutexLock lock(mutex_);
    entries_[at].back() = static_cast<char>(entries_[at].back() ^ 1);
  }
  WalPosition held() {
    MutexLock lock(mutex_);
    return held_;
  }
  // All up to here is more than a receiver may hold.
  void SetOldest(WalPosition oldest) {
    MutexLock lock(mutex_);
    oldest_ = oldest;
  }

  Result<std::vector<Wal::RawEntry>> ReadWal(WalPosition position, std::size_t) override {
    MutexLock lock(mutex_);
    std::vector<Wal::RawEntry> out;
    for (auto at = entries_.upper_bound(position); at != entries_.end(); ++at) {
      out.push_back({.position = at->first, .value = at->second});
    }
    return out;
  }
  WalPosition LastPosition() override {
    MutexLock lock(mutex_);
    return last_;
  }
  WalPosition OldestWithin(std::uint64_t) override {
    MutexLock lock(mutex_);
    return oldest_;
  }
  void HoldWal(const std::string&, WalPosition position) override {
    MutexLock lock(mutex_);
    held_ = position;
  }
  std::shared_ptr<const Layout> Find(const LayoutId& id) const override {
    return id == layout_->id() ? layout_ : nullptr;
  }

 private:
  const std::shared_ptr<const Layout> layout_ = MakeLayout(3);
  std::size_t next_ = 0;
  Mutex mutex_;
  std::map<WalPosition, std::string> entries_ OPS_GUARDED_BY(mutex_);
  WalPosition last_ OPS_GUARDED_BY(mutex_) = 0;
  WalPosition held_ OPS_GUARDED_BY(mutex_) = UINT64_MAX;
  WalPosition oldest_ OPS_GUARDED_BY(mutex_) = 0;
};

std::vector<double> ValuesOf(const std::string& body) {
  std::string bytes;
  WriteRequest request;
  std::vector<double> out;
  EXPECT_TRUE(SnappyDecompress(body, 1 << 20, bytes));
  EXPECT_TRUE(DecodeWrite(bytes, WriteVersion::kV1, {}, request));
  for (const WriteSample& sample : request.samples) out.push_back(sample.value);
  return out;
}

TEST(ForwardMarkTest, ComesBackAsItWent) {
  const ForwardMark mark{.position = 7, .items = 1ULL << 40};
  EXPECT_EQ(DecodeMark(EncodeMark(mark)), mark);
  EXPECT_EQ(DecodeMark("short"), std::nullopt);
}

TEST(WalFeedTest, EachSampleIsInOneRequestAndAMarkGivesTheSameAgain) {
  FakeTap tap;
  tap.AddRows(1);
  tap.Add({.gaps = {{.reason = "not for receivers"}}});
  tap.AddRows(3);
  tap.AddRows(1);
  const ForwardOptions options{.url = "x", .samples_per_send_max = 4};
  WalFeed feed(tap, tap, options, {}, {});
  std::vector<double> all;
  for (int i = 0; i < 100; ++i) {
    auto piece = feed.Next();
    ASSERT_TRUE(piece);
    if (!*piece) break;
    const std::vector<double> values = ValuesOf((*piece)->request);
    EXPECT_LE(values.size(), 4U);
    EXPECT_EQ(values.size(), (*piece)->samples);
    WalFeed again(tap, tap, options, {}, feed.mark());  // As after a crash.
    const auto same = again.Next();
    ASSERT_TRUE(same && *same);
    EXPECT_EQ(ValuesOf((*same)->request), values);
    all.insert(all.end(), values.begin(), values.end());
    feed.Sent(**piece);
  }
  std::vector<double> want;
  for (int i = 1; i <= 15; ++i) want.push_back(i);
  EXPECT_EQ(all, want);
  EXPECT_EQ(feed.mark(), (ForwardMark{.position = 4, .items = 0}));
}

TEST(WalFeedTest, RulesDropAndRename) {
  FakeTap tap;
  tap.AddRows(3);
  const auto rules =
      Relabeler::Make({{.source_labels = {"i"}, .regex = "1", .action = RelabelAction::kDrop},
                       {.target_label = "from", .replacement = "ops"}});
  ASSERT_TRUE(rules);
  const ForwardOptions options{.url = "x", .samples_per_send_max = 4};
  WalFeed feed(tap, tap, options, *rules, {});
  const auto first = feed.Next();
  ASSERT_TRUE(first && *first);
  EXPECT_EQ(ValuesOf((*first)->request), (std::vector<double>{1, 3, 4, 6}));
  feed.Sent(**first);
  const auto second = feed.Next();
  ASSERT_TRUE(second && *second);
  EXPECT_EQ(ValuesOf((*second)->request), (std::vector<double>{7, 9}));
  std::string bytes;
  ASSERT_TRUE(SnappyDecompress((*second)->request, 1 << 20, bytes));
  EXPECT_NE(bytes.find("from"), bytes.npos);
}

TEST(WalFeedTest, WhatIsLostIsCounted) {
  FakeTap tap;
  for (int i = 0; i < 5; ++i) tap.AddRows(1);
  tap.Trim(2);
  tap.Corrupt(4);
  tap.Add({.metrics = {{.layout = MakeLayout(2), .time_ms = 1, .values = {1, 2}}}});
  const ForwardOptions options{.url = "x"};
  WalFeed feed(tap, tap, options, {}, {.position = 0, .items = 2});
  const auto piece = feed.Next();
  ASSERT_TRUE(piece && *piece);
  EXPECT_EQ(ValuesOf((*piece)->request), (std::vector<double>{7, 8, 9, 13, 14, 15}));
  EXPECT_EQ(feed.losses().trimmed_batches, 2U);
  EXPECT_EQ(feed.losses().corrupt_batches, 1U);
  EXPECT_EQ(feed.losses().unknown_layout_samples, 2U);
}

TEST(WalFeedTest, RecordsBesideSamples) {
  FakeTap tap;
  const auto series = std::make_shared<const Labels>(Labels{{"__name__", "h"}});
  BatchContents contents;
  contents.histograms.push_back(
      {.series = series, .time_ms = 5, .histogram = {.count = 0, .sum = 1}});
  contents.exemplars.push_back(
      {.series = series, .time_ms = 6, .value = 2, .labels = {{"trace_id", "a"}}});
  contents.metadata.push_back(
      {.name = "h", .type = MetricType::kHistogram, .help = "x", .unit = ""});
  tap.Add(contents);
  for (const bool all : {false, true}) {
    const ForwardOptions options{.url = "x", .send_exemplars = all, .send_native_histograms = all};
    WalFeed feed(tap, tap, options, {}, {});
    const auto piece = feed.Next();
    ASSERT_TRUE(piece && *piece);
    std::string bytes;
    WriteRequest request;
    ASSERT_TRUE(SnappyDecompress((*piece)->request, 1 << 20, bytes));
    ASSERT_TRUE(DecodeWrite(bytes, WriteVersion::kV1, {}, request));
    EXPECT_EQ(request.histograms.size(), all ? 1U : 0U);
    EXPECT_EQ(request.exemplars.size(), all ? 1U : 0U);
    EXPECT_EQ(request.metadata.size(), 1U);
  }
}

// Answers as it is told, then with 204.
class FakePost final : public Post {
 public:
  PostAnswer Send(const std::string& body) override {
    MutexLock lock(mutex_);
    PostAnswer answer{.status = 204};
    if (!answers_.empty()) {
      answer = answers_.front();
      answers_.erase(answers_.begin());
    }
    if (answer.status == 204) {
      for (const double value : ValuesOf(body)) taken_.push_back(value);
    }
    ++sent_;
    return answer;
  }
  void Abort() override {}
  void Answer(std::vector<PostAnswer> answers) {
    MutexLock lock(mutex_);
    answers_ = std::move(answers);
  }
  std::vector<double> taken() {
    MutexLock lock(mutex_);
    return taken_;
  }
  std::size_t sent() {
    MutexLock lock(mutex_);
    return sent_;
  }

 private:
  Mutex mutex_;
  std::vector<PostAnswer> answers_ OPS_GUARDED_BY(mutex_);
  std::vector<double> taken_ OPS_GUARDED_BY(mutex_);
  std::size_t sent_ OPS_GUARDED_BY(mutex_) = 0;
};

class ForwarderTest : public testing::Test {
 protected:
  void SetUp() override {
    auto meta = OpenMeta(dir_.path());
    ASSERT_TRUE(meta);
    meta_ = *meta;
  }
  std::unique_ptr<Forwarder> Open() {
    auto marks = MetaTable::Open(meta_, "forward");
    EXPECT_TRUE(marks);
    auto post = std::make_unique<FakePost>();
    post_ = post.get();
    auto forwarder = Forwarder::Open(options_, tap_, tap_, *std::move(marks), std::move(post));
    EXPECT_TRUE(forwarder);
    return *std::move(forwarder);
  }
  bool Taken(std::size_t count) {
    return WaitFor(std::chrono::seconds(20), [&] { return post_->taken().size() >= count; });
  }

  TempDir dir_;
  std::shared_ptr<GuardedEnv> meta_;
  FakeTap tap_;
  FakePost* post_ = nullptr;
  ForwardOptions options_{
      .url = "http://x/", .samples_per_send_max = 4, .backoff_min_ms = 1, .backoff_max_ms = 2};
};

TEST_F(ForwarderTest, GoesOnWhereItWasAcknowledged) {
  tap_.AddRows(1);  // Before it was configured: not sent.
  auto first = Open();
  first->Start();
  tap_.AddRows(2);
  ASSERT_TRUE(Taken(6));
  first->Stop();
  EXPECT_EQ(post_->taken(), (std::vector<double>{4, 5, 6, 7, 8, 9}));
  first.reset();
  tap_.AddRows(1);
  auto second = Open();
  EXPECT_EQ(tap_.held(), 2U);  // Before the start: what was not sent stays.
  second->Start();
  ASSERT_TRUE(Taken(3));
  second->Stop();
  EXPECT_EQ(post_->taken(), (std::vector<double>{10, 11, 12}));
}

TEST_F(ForwarderTest, RetriesWhatMaySucceedAndGivesUpWhatCannot) {
  auto forwarder = Open();
  post_->Answer({{.status = 0, .text = "refused"},
                 {.status = 503},
                 {.status = 429},
                 {.status = 204},
                 {.status = 400, .text = "no"}});
  forwarder->Start();
  tap_.AddRows(3);
  ASSERT_TRUE(Taken(5));
  forwarder->Stop();
  // Of 1 to 9, four in the first request; the second was refused for good.
  EXPECT_EQ(post_->taken(), (std::vector<double>{1, 2, 3, 4, 9}));
  EXPECT_EQ(forwarder->stats().retries.value(), 3U);
  EXPECT_EQ(forwarder->stats().given_up_samples.value(), 4U);
  EXPECT_EQ(forwarder->stats().samples.value(), 5U);
}

TEST_F(ForwarderTest, SaysHowFarBehindItIsWhileTheReceiverIsAway) {
  auto forwarder = Open();
  post_->Answer(std::vector<PostAnswer>(1'000'000, {.status = 503}));
  forwarder->Start();
  tap_.AddRows(1);
  const ForwardStats& stats = forwarder->stats();
  while (stats.retries.value() == 0) std::this_thread::yield();
  tap_.AddRows(1);  // While the first is being tried.
  tap_.AddRows(1);
  while (stats.behind_batches.value() != 3) std::this_thread::yield();
  forwarder->Stop();
  EXPECT_EQ(stats.behind_batches.value(), 3);
}

TEST_F(ForwarderTest, HoldsTheWalAndGivesUpNoMoreOfItThanHasToBe) {
  auto forwarder = Open();
  post_->Answer(std::vector<PostAnswer>(1'000'000, {.status = 503}));
  forwarder->Start();
  tap_.AddRows(1);
  const auto held = [this](WalPosition position) {
    return WaitFor(std::chrono::seconds(20), [&] { return tap_.held() == position; });
  };
  EXPECT_TRUE(WaitFor(std::chrono::seconds(20), [&] { return post_->sent() > 2; }));
  EXPECT_TRUE(held(0));
  for (int i = 0; i < 4; ++i) tap_.AddRows(1);
  tap_.SetOldest(2);
  EXPECT_TRUE(held(2));
  tap_.SetOldest(3);
  EXPECT_TRUE(held(3));
  tap_.Trim(3);
  forwarder->Stop();
  auto again = Open();
  again->Start();
  ASSERT_TRUE(Taken(6));
  again->Stop();
  EXPECT_EQ(post_->taken(), (std::vector<double>{10, 11, 12, 13, 14, 15}));
  EXPECT_EQ(again->stats().trimmed_batches.value(), 3);
}

// A wal that was lost: positions go on above the flushed cut, below the mark.
TEST_F(ForwarderTest, ANewWalBelowItsPositionIsSentFromItsFirstNewEntryOn) {
  for (int i = 0; i < 9; ++i) tap_.AddRows(1);
  {
    auto marks = MetaTable::Open(meta_, "forward");
    ASSERT_TRUE(marks);
    ASSERT_TRUE(
        marks->Put(ToHex(HashOf128(options_.id())), EncodeMark({.position = 100, .items = 2})));
  }
  auto forwarder = Open();
  forwarder->Start();
  tap_.AddRows(1);
  ASSERT_TRUE(Taken(3));
  forwarder->Stop();
  EXPECT_EQ(post_->taken(), (std::vector<double>{28, 29, 30}));
  EXPECT_EQ(forwarder->stats().new_wals.value(), 1U);
  EXPECT_EQ(tap_.held(), 10U);
}

TEST_F(ForwarderTest, BatchesWithNothingForAReceiverAreNotUnsentAfterARestart) {
  auto first = Open();
  first->Start();
  for (int i = 0; i < 5; ++i) tap_.Add({.gaps = {{.reason = "not for receivers"}}});
  EXPECT_TRUE(
      WaitFor(std::chrono::seconds(20), [&] { return first->stats().position.value() == 5; }));
  first->Stop();
  tap_.Trim(5);
  tap_.AddRows(1);
  auto second = Open();
  EXPECT_EQ(tap_.held(), 5U);
  second->Start();
  ASSERT_TRUE(Taken(3));
  second->Stop();
  EXPECT_EQ(second->stats().trimmed_batches.value(), 0);
}

}  // namespace
}  // namespace opssight
