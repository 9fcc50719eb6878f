#include "aggregator/store/gaps/gaps_store.h"

#include <fstream>

#include "aggregator/store/gaps/gap_record.h"
#include "tests/aggregator/store/store_testing.h"
#include "tests/support/file_limit.h"

namespace opssight {
namespace {

using namespace testing_store;  // NOLINT(google-build-using-namespace)

Gap GapAt(std::int64_t from_ns, std::int64_t to_ns, const std::string& reason) {
  return {.signal = Signal::kLogs,
          .stream = "{app=\"a\"}",
          .from_ns = from_ns,
          .to_ns = to_ns,
          .count = 7,
          .reason = reason};
}

class GapsStoreTest : public ::testing::Test {
 protected:
  GapsStoreTest() { Reopen(0); }

  void Reopen(WalPosition flushed) {
    store_.reset();
    store_ = std::make_unique<GapsStore>(
        GapsOptions{.dir = dir_.path(), .transaction_bytes_max = 100, .map_bytes = 4 << 20});
    const Status status = store_->Recover(flushed);
    ASSERT_TRUE(status.has_value()) << status.error().message;
  }
  void Apply(const Gap& gap) {
    BatchContents contents;
    contents.gaps.push_back(gap);
    store_->Apply({.position = ++position_}, *DecodedBatch::Decode(EncodeBatch(contents, 0), {}));
  }
  void Flush(WalPosition cut) {
    store_->Freeze(cut);
    ASSERT_TRUE(store_->Flush(cut).has_value());
    store_->Publish(cut);
  }
  std::string Reasons(std::int64_t from_ns = 0, std::int64_t to_ns = 1000 * kNsPerMs,
                      std::size_t limit = 1000) {
    const auto answer = store_->Gaps(from_ns, to_ns, limit);
    if (!answer) return answer.error().message;
    std::string out;
    for (const Gap& gap : answer->gaps) out += gap.reason + " ";
    return out + (answer->truncated ? "and more" : "");
  }

  TempDir dir_;
  std::unique_ptr<GapsStore> store_;
  WalPosition position_ = 0;
};

TEST_F(GapsStoreTest, OfMoreThanTheLimitThoseThatStartLastCome) {
  const auto check = [this] {
    EXPECT_EQ(Reasons(0, 1000, 3), "a b c ");
    EXPECT_EQ(Reasons(0, 1000, 2), "b c and more");
    EXPECT_EQ(Reasons(0, 1000, 1), "c and more");
    EXPECT_EQ(Reasons(0, 1000, 0), "and more");
    EXPECT_EQ(Reasons(0, 15, 1), "a ");
  };
  Apply(GapAt(20, 25, "b"));
  Apply(GapAt(10, 15, "a"));
  Apply(GapAt(30, 35, "c"));
  check();
  Flush(3);
  check();
}

TEST_F(GapsStoreTest, ReadsMoreThanOneTransactionHolds) {
  BatchContents contents;
  for (int i = 0; i < 12'000; ++i) contents.gaps.push_back(GapAt(i, i, "g"));
  store_->Apply({.position = ++position_}, *DecodedBatch::Decode(EncodeBatch(contents, 0), {}));
  store_.reset();
  store_ = std::make_unique<GapsStore>(GapsOptions{.dir = dir_.path(), .map_bytes = 16 << 20});
  ASSERT_TRUE(store_->Recover(0).has_value());
  store_->Apply({.position = ++position_}, *DecodedBatch::Decode(EncodeBatch(contents, 0), {}));
  Flush(position_);
  const auto answer = store_->Gaps(0, INT64_MAX, 20'000);
  ASSERT_TRUE(answer.has_value());
  ASSERT_EQ(answer->gaps.size(), 12'000U);
  for (std::size_t i = 0; i < answer->gaps.size(); ++i) {
    ASSERT_EQ(answer->gaps[i].from_ns, static_cast<std::int64_t>(i));
  }
}

TEST_F(GapsStoreTest, AnswersTheSameFromHeadFrozenDiskAndAfterReopening) {
  Apply(GapAt(20, 30, "second"));
  Apply(GapAt(10, 15, "first"));
  EXPECT_EQ(Reasons(), "first second ");
  store_->Freeze(2);
  EXPECT_EQ(Reasons(), "first second ");
  ASSERT_TRUE(store_->Flush(2).has_value());
  ASSERT_TRUE(store_->Flush(2).has_value()) << "may be tried again";
  EXPECT_EQ(Reasons(), "first second ");
  const std::uint64_t bytes = store_->disk_bytes();
  store_->Publish(2);
  EXPECT_EQ(Reasons(), "first second ");
  EXPECT_EQ(store_->head_bytes(), 0U);
  Reopen(2);
  EXPECT_EQ(store_->disk_bytes(), bytes);
  EXPECT_EQ(Reasons(), "first second ");
  EXPECT_EQ(Reasons(15, 19), "first ");
  EXPECT_EQ(Reasons(16, 19), "");
  const auto gaps = store_->Gaps(0, 15, 10);
  EXPECT_EQ(gaps->gaps.front(), GapAt(10, 15, "first"));
}

TEST_F(GapsStoreTest, AFileDamagedWhileRunningHoldsUpAFlushOrTwo) {
  Apply(GapAt(1, 1, "before"));
  Flush(1);
  {
    const std::string path = dir_.path() + "/gaps.mdb";
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(2 * 4096);  // All but the meta pages.
    file << std::string(std::filesystem::file_size(path) - 2 * 4096, '\0');
  }
  Apply(GapAt(2, 2, "after"));
  store_->Freeze(2);
  // LMDB may call it an error of the transaction first; the file is then opened anew.
  Status flushed = store_->Flush(2);
  EXPECT_FALSE(flushed.has_value());
  for (int i = 0; i < 2 && !flushed; ++i) flushed = store_->Flush(2);
  ASSERT_TRUE(flushed.has_value()) << flushed.error().message;
  EXPECT_EQ(store_->TakeLosses().size(), 1U);
  store_->Publish(2);
  EXPECT_EQ(Reasons(), "after ");
  EXPECT_EQ(store_->NewestCut().value(), 2U);
}

TEST_F(GapsStoreTest, AFlushThatTheWalDidNotRecordIsUndone) {
  Apply(GapAt(1, 1, "kept"));
  Flush(1);
  Apply(GapAt(2, 2, "replayed"));
  Flush(2);
  Reopen(1);
  EXPECT_EQ(Reasons(), "kept ");
  Apply(GapAt(2, 2, "replayed"));
  Flush(2);
  EXPECT_EQ(Reasons(), "kept replayed ");
}

TEST_F(GapsStoreTest, RetentionIsByEndAndBySize) {
  for (int i = 1; i <= 5; ++i) {
    Apply(GapAt(i * kNsPerMs, i * kNsPerMs, "ms" + std::to_string(i)));
    Flush(static_cast<WalPosition>(i));
  }
  const std::uint64_t all = store_->disk_bytes();
  ASSERT_TRUE(store_->Retain(3, 0).has_value());
  EXPECT_EQ(Reasons(), "ms3 ms4 ms5 ");
  EXPECT_EQ(store_->disk_bytes(), all / 5 * 3);
  ASSERT_TRUE(store_->Retain(std::numeric_limits<std::int64_t>::min() / 2, all / 5).has_value());
  EXPECT_EQ(Reasons(), "ms5 ");
  Reopen(5);
  EXPECT_EQ(Reasons(), "ms5 ");
}

TEST_F(GapsStoreTest, ADamagedRecordIsLeftOutAndADamagedFileSetAside) {
  Apply(GapAt(1, 1, "one"));
  Apply(GapAt(2, 2, "two"));
  Flush(2);
  store_.reset();
  {
    auto env = Env::Open(dir_.path() + "/gaps.mdb", {.map_bytes = 4 << 20});
    auto txn = (*env)->BeginWrite();
    const auto table = txn->OpenTable("gaps");
    std::string key;
    {
      auto cursor = txn->OpenCursor(*table);
      key = std::string((*cursor->First())->first);
    }
    ASSERT_TRUE(txn->Put(*table, key, "damaged").has_value());
    ASSERT_TRUE(txn->Commit().has_value());
  }
  Reopen(2);
  EXPECT_EQ(Reasons(), "two ");
  EXPECT_EQ(store_->corrupt_records(), 1U);
  store_.reset();
  std::ofstream(dir_.path() + "/gaps.mdb") << std::string(8192, 'x');
  Reopen(2);
  EXPECT_EQ(Reasons(), "");
}

TEST(GapRecordTest, TextFromAgentsIsBounded) {
  const auto gap = DecodeGap(EncodeGap(GapAt(1, 2, std::string(5000, 'r'))));
  ASSERT_TRUE(gap.has_value());
  EXPECT_EQ(gap->reason.size(), kGapTextBytesMax);
  EXPECT_EQ(DecodeGap("").error().code, ErrorCode::kCorrupt);
}

TEST_F(GapsStoreTest, LeftoversOnAFullDiskAreLeftOutAndGoBeforeTheNextFlush) {
  Apply(GapAt(10, 15, "first"));
  Flush(1);
  Apply(GapAt(20, 25, "unrecorded"));
  Flush(2);
  {
    const FileLimit full(8192);  // The meta pages.
    Reopen(1);
    EXPECT_EQ(Reasons(), "first ");
    store_->Freeze(3);
    EXPECT_FALSE(store_->Flush(3).has_value());
  }
  ASSERT_TRUE(store_->Flush(3).has_value());
  store_->Publish(3);
  EXPECT_EQ(Reasons(), "first ");
}

}  // namespace
}  // namespace opssight
