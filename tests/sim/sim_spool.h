// A spool in memory with what matters of the real one: what is queued is lost in a
// crash, what was transacted is not, and a copy of its state can be restored.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/spool/spool_view.h"
#include "tests/sim/records.h"

namespace opssight::sim {

class SimSpool final : public SpoolView {
 public:
  struct Entry {
    std::vector<Record> records;  // Or those that its gap records stand for.
    std::string frame;
    std::uint64_t hash = 0;
    std::uint64_t first_hash = 0;  // Before it became a tombstone.
    bool tombstone = false;
    bool damaged = false;
  };
  struct Disk {
    std::uint64_t epoch = 0;
    std::uint64_t next_seq = 1;
    std::map<std::uint64_t, Entry> batches;
  };

  explicit SimSpool(Disk disk) : disk_(std::move(disk)) {}

  void Append(std::vector<Record> records, std::uint64_t salt);
  void DropOldest();               // At the cap: the oldest becomes a tombstone.
  void Damage(std::uint64_t nth);  // Of the live batches.
  void Transact();                 // Carries out what is queued, and says done.
  const Disk& disk() const { return disk_; }

  std::uint64_t epoch() const override { return disk_.epoch; }
  bool wants_epoch() const override { return disk_.epoch == 0; }
  std::uint64_t next_seq() const override { return disk_.next_seq; }
  std::vector<SeqRange> Ranges() const override;
  Totals totals() const override;
  Result<std::vector<SpooledBatch>> ReadFrom(std::uint64_t seq, std::size_t bytes_max,
                                             std::uint64_t* damaged) const override;
  Result<std::string> ReadLayout(const LayoutId& id) const override;
  std::optional<bool> HadHash(std::uint64_t seq, std::uint64_t hash) const override;
  void Remove(std::vector<SeqRange> acked) override;
  void Replace(std::uint64_t seq, std::string reason, Done done) override;
  void Rebase(RebaseOrder order, Done done) override;

 private:
  void MakeTombstone(Entry& entry, const std::string& reason);
  void CarryOut(const RebaseOrder& order);

  struct Replacing {
    std::uint64_t seq;
    std::string reason;
    Done done;
  };
  Disk disk_;
  std::vector<SeqRange> removed_;
  std::vector<Replacing> replaced_;
  std::optional<std::pair<RebaseOrder, Done>> rebase_;
};

}  // namespace opssight::sim
