#include "aggregator/store/spans/spans_store.h"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "common/base/clock.h"

namespace opssight {
namespace {

class SpansStoreTest : public ::testing::Test {
 protected:
  SpansStoreTest() {
    std::string name = (std::filesystem::temp_directory_path() / "opssight-spans-XXXXXX").string();
    dir_ = mkdtemp(name.data());
    Reopen(0);
  }
  ~SpansStoreTest() override {
    store_.reset();
    std::filesystem::remove_all(dir_);
  }
  void Reopen(WalPosition flushed) {
    store_.reset();
    store_ = std::make_unique<SpansStore>(
        SpansOptions{.dir = dir_, .block_spans = 3, .block_bytes = 20'000, .map_bytes = 8 << 20});
    const Status status = store_->Recover(flushed);
    ASSERT_TRUE(status.has_value()) << status.error().message;
  }
  void Apply(std::uint8_t trace, std::uint8_t id, std::int64_t start_ns,
             const std::string& of_resource = "") {
    Span span{.name = "s" + std::to_string(id), .start_ns = start_ns, .end_ns = start_ns + 1};
    span.trace_id[0] = trace;
    span.span_id[0] = id;
    span.resource = std::make_shared<const Resource>(
        Resource{.attributes = {{.key = "r", .value = Value::String(of_resource)}}});
    span.scope = std::make_shared<const Scope>();
    BatchContents contents;
    contents.spans.push_back(std::move(span));
    const auto batch = DecodedBatch::Decode(EncodeBatch(contents, 0), {});
    ASSERT_TRUE(batch.has_value()) << batch.error().message;
    store_->Apply({.position = ++position_, .newest_ms = newest_ms_}, *batch);
  }
  std::string Trace(std::uint8_t trace, const QueryLimits& limits = {}) {
    TraceId id{};
    id[0] = trace;
    const auto spans = store_->Trace(id, limits);
    if (!spans) return spans.error().message;
    std::string out;
    for (const Span& span : *spans) out += span.name + " ";
    return out;
  }

  std::string dir_;
  std::unique_ptr<SpansStore> store_;
  WalPosition position_ = 0;
  std::int64_t newest_ms_ = INT64_MAX;
};

TEST_F(SpansStoreTest, SpansOfAWrongClockMakeNoDay) {
  newest_ms_ = kMsPerDay;
  Apply(1, 1, kNsPerDay);
  Apply(1, 2, kNsPerDay + kNsPerMs);
  Apply(1, 3, INT64_MAX - 1);
  Apply(1, 4, -1);
  EXPECT_EQ(Trace(1), "s1 ");
  EXPECT_EQ(store_->refused_records(), 3U);
}

TEST_F(SpansStoreTest, ATraceIsTheSameInHeadFrozenOnDiskAndAfterReopening) {
  Apply(1, 2, 20);
  Apply(1, 1, 10);
  Apply(2, 9, 5);  // Seals a block of three.
  Apply(1, 3, kNsPerDay + 1);
  const std::string trace = "s1 s2 s3 ";
  EXPECT_EQ(Trace(1), trace);
  store_->Freeze(4);
  EXPECT_EQ(Trace(1), trace);
  ASSERT_TRUE(store_->Flush(4).has_value());
  EXPECT_EQ(Trace(1), trace);
  store_->Publish(4);
  EXPECT_EQ(Trace(1), trace);
  EXPECT_EQ(store_->head_bytes(), 0U);
  Reopen(4);
  EXPECT_EQ(Trace(1), trace);
  EXPECT_EQ(Trace(2), "s9 ");
  EXPECT_EQ(Trace(3), "");
}

// A block of 8,192 large spans would be more than a reader unpacks.
TEST_F(SpansStoreTest, LargeSpansAndResourcesMakeABlockSooner) {
  Apply(1, 1, 10);
  const std::uint64_t open = store_->head_bytes();
  Apply(1, 2, 20, std::string(30'000, 'x'));
  EXPECT_LT(store_->head_bytes(), open + 10'000) << "sealed, so compressed";
  EXPECT_EQ(Trace(1), "s1 s2 ");
}

TEST_F(SpansStoreTest, ATraceOverTheLimitIsAnError) {
  for (std::uint8_t id = 1; id <= 5; ++id) Apply(1, id, id);
  EXPECT_EQ(Trace(1, {.trace_spans_max = 5}), "s1 s2 s3 s4 s5 ");
  EXPECT_EQ(Trace(1, {.trace_spans_max = 4}), "query: the trace has more than 4 spans");
}

TEST_F(SpansStoreTest, ASpanThatAClientSentTwiceComesOnce) {
  Apply(1, 1, 10);
  store_->Freeze(1);
  ASSERT_TRUE(store_->Flush(1).has_value());
  store_->Publish(1);
  Apply(1, 1, 10);
  EXPECT_EQ(Trace(1), "s1 ");
}

TEST_F(SpansStoreTest, AFlushThatTheWalDidNotRecordIsUndone) {
  Apply(1, 1, 10);
  store_->Freeze(1);
  ASSERT_TRUE(store_->Flush(1).has_value());
  Reopen(0);
  EXPECT_EQ(Trace(1), "");
}

}  // namespace
}  // namespace opssight
