// The spool against the sum of what went in. An aggregator that keeps the first
// batch of each number is fed by a sender that sometimes loses answers; batches are
// dropped at a small cap, files reopened, epochs changed. At the end each line must be
// stored once, or counted in a gap record, and never both.
#include <map>
#include <set>

#include "common/base/random.h"
#include "tests/agent/spool/spool_fixture.h"

namespace opssight {
namespace {

class SpoolModelTest : public SpoolFixture {
 protected:
  // One epoch of one agent at the aggregator.
  using Stored = std::map<std::uint64_t, SpooledBatch>;

  void Append() {
    std::vector<SpoolWrite> writes;
    for (std::uint64_t i = random_.Below(4); i < 4; ++i) {
      const std::uint64_t count = 1 + random_.Below(5);
      writes.push_back(Lines(next_line_, count, 200 + random_.Below(4'000),
                             "app" + std::to_string(random_.Below(3))));
      next_line_ += count;
    }
    const std::uint64_t before = spool_->next_seq();
    const auto seqs = MustWrite(*spool_, writes);
    for (std::size_t i = 0; i < seqs.size(); ++i) ASSERT_EQ(seqs[i], before + i);
  }

  // Sends some batches from somewhere on; some of the answers come through.
  void Send() {
    if (spool_->wants_epoch()) return;
    std::uint64_t damaged = 0;
    const std::uint64_t from = 1 + random_.Below(spool_->next_seq());
    const auto batches = spool_->ReadFrom(from, 1 + random_.Below(60'000), &damaged);
    ASSERT_TRUE(batches.has_value());
    for (const SpooledBatch& batch : *batches) {
      if (random_.Below(10) == 0) break;
      store_[spool_->epoch()].try_emplace(batch.seq, batch);
      if (random_.Below(3) == 0) continue;
      spool_->Remove({{batch.seq, batch.seq}});
    }
    if (random_.Below(2) == 0) MustWrite(*spool_, {});
  }

  void Rebase() {
    const Stored& stored = store_[spool_->epoch()];
    RebaseOrder order{.new_epoch = spool_->epoch() + 1, .stored = {}};
    for (const auto& [seq, batch] : stored) {
      if (order.stored.empty() || order.stored.back().last + 1 != seq) {
        order.stored.push_back({.first = seq});
      }
      order.stored.back().last = seq;
      order.stored.back().last_hash = batch.hash;
      order.proven_through = seq;
    }
    order.sure_from = order.proven_through + 1;
    spool_->Rebase(order, nullptr);
    MustWrite(*spool_, {});
    ASSERT_EQ(spool_->epoch(), order.new_epoch);
    const auto ranges = spool_->Ranges();
    ASSERT_LE(ranges.size(), 1U);
    if (!ranges.empty()) {
      ASSERT_EQ(ranges[0].first, 1U);
    }
  }

  void Drain() {
    if (spool_->wants_epoch()) Rebase();
    for (const SpooledBatch& batch : ReadAll(*spool_)) {
      store_[spool_->epoch()].try_emplace(batch.seq, batch);
    }
    spool_->Remove({{1, spool_->next_seq()}});
    MustWrite(*spool_, {});
    EXPECT_TRUE(spool_->Ranges().empty());
  }

  void Check() const {
    std::set<std::uint64_t> lines;
    std::uint64_t in_gaps = 0;
    for (const auto& [epoch, stored] : store_) {
      for (const auto& [seq, batch] : stored) {
        Seen seen;
        seen.Add(batch.frame);
        in_gaps += seen.gap_count;
        for (const std::uint64_t line : seen.lines) {
          EXPECT_TRUE(lines.insert(line).second) << "line " << line << " twice";
        }
      }
    }
    EXPECT_EQ(lines.size() + in_gaps, next_line_ - 1);
  }

  void Run(std::uint64_t seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_ = Random(seed);
    store_.clear();
    next_line_ = 1;
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directory(dir_);
    options_.bytes_max = 20'000 + random_.Below(200'000);
    options_.tombstone_divisor = 1;  // Merging for want of space may count twice.
    spool_ = Open();
    for (int step = 0; step < 150 && !HasFatalFailure(); ++step) {
      const std::uint64_t kind = random_.Below(20);
      if (kind < 11) {
        Append();
      } else if (kind < 17) {
        Send();
      } else if (kind < 19) {
        spool_.reset();
        spool_ = Open();
      } else {
        Rebase();
      }
      EXPECT_EQ(PositionOf(*spool_, "tail/1"),
                next_line_ == 1 ? "" : std::to_string(next_line_ - 1));
    }
    Drain();
    Check();
    spool_.reset();
  }

  Random random_{0};
  std::map<std::uint64_t, Stored> store_;
  std::uint64_t next_line_ = 1;
  std::unique_ptr<Spool> spool_;
};

TEST_F(SpoolModelTest, EachLineIsStoredOnceOrCountedInAGap) {
  const char* given = std::getenv("OPS_TEST_SEED");
  const std::uint64_t first = given != nullptr ? std::stoull(given) : 1;
  const std::uint64_t runs = given != nullptr ? 1 : 6;
  for (std::uint64_t seed = first; seed < first + runs && !HasFailure(); ++seed) Run(seed);
}

}  // namespace
}  // namespace opssight
