#include "tests/sim/sim_spool.h"

#include <charconv>
#include <memory>

#include "common/bytes/hash.h"

namespace opssight::sim {
namespace {

std::vector<Record> Numbers(std::string_view text) {
  std::vector<Record> numbers;
  while (!text.empty()) {
    Record number = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), number).ptr;
    numbers.push_back(number);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (!text.empty()) text.remove_prefix(1);
  }
  return numbers;
}

std::string Text(const std::vector<Record>& records) {
  std::string text;
  for (const Record record : records) {
    if (!text.empty()) text += ',';
    text += std::to_string(record);
  }
  return text;
}

}  // namespace

std::string BatchOf(const std::vector<Record>& records, std::uint64_t salt) {
  static const auto kStream = std::make_shared<const Labels>(Labels{{"job", "sim"}});
  BatchContents contents;
  contents.logs.push_back({.stream = kStream});
  for (const Record record : records) contents.logs.back().Add(1, std::to_string(record));
  return EncodeBatch(contents, static_cast<std::int64_t>(salt));
}

std::string GapOf(const std::vector<Record>& records, const std::string& reason) {
  BatchContents contents;
  contents.gaps.push_back({.stream = Text(records), .count = records.size(), .reason = reason});
  return EncodeBatch(contents, 0);
}

Contents ContentsOf(const DecodedBatch& batch) {
  Contents contents;
  for (const LogRowsView& rows : batch.logs()) {
    for (std::size_t i = 0; i < rows.times.size(); ++i) {
      contents.records.push_back(Numbers(rows.Line(i)).front());
    }
  }
  for (const Gap& gap : batch.gaps()) {
    if (gap.stream.empty()) contents.lost += gap.count;
    for (const Record record : Numbers(gap.stream)) contents.gaps.push_back(record);
  }
  return contents;
}

void SimSpool::Append(std::vector<Record> records, std::uint64_t salt) {
  Entry entry{.records = std::move(records)};
  entry.frame = BatchOf(entry.records, salt);
  entry.hash = entry.first_hash = Hash64(entry.frame);
  disk_.batches.emplace(disk_.next_seq++, std::move(entry));
}

void SimSpool::MakeTombstone(Entry& entry, const std::string& reason) {
  entry.frame = GapOf(entry.records, reason);
  entry.hash = Hash64(entry.frame);
  entry.tombstone = true;
  entry.damaged = false;
}

void SimSpool::DropOldest() {
  for (auto& [seq, entry] : disk_.batches) {
    if (entry.tombstone) continue;
    MakeTombstone(entry, "spool full");
    return;
  }
}

void SimSpool::Damage(std::uint64_t nth) {
  if (disk_.batches.empty()) return;
  auto it = disk_.batches.begin();
  std::advance(it, static_cast<std::ptrdiff_t>(nth % disk_.batches.size()));
  if (!it->second.tombstone) it->second.damaged = true;
}

std::vector<SeqRange> SimSpool::Ranges() const {
  std::vector<SeqRange> ranges;
  for (const auto& [seq, entry] : disk_.batches) {
    if (!ranges.empty() && ranges.back().last + 1 == seq) {
      ranges.back().last = seq;
    } else {
      ranges.push_back({.first = seq, .last = seq});
    }
  }
  return ranges;
}

SpoolView::Totals SimSpool::totals() const {
  return {.batches = disk_.batches.size(), .bytes = 0};
}

Result<std::vector<SpooledBatch>> SimSpool::ReadFrom(std::uint64_t seq, std::size_t bytes_max,
                                                     std::uint64_t* damaged) const {
  std::vector<SpooledBatch> batches;
  std::size_t bytes = 0;
  for (auto it = disk_.batches.lower_bound(seq); it != disk_.batches.end(); ++it) {
    const Entry& entry = it->second;
    if (entry.damaged) {
      if (!batches.empty()) break;
      *damaged = it->first;
      return Corrupt("checksum");
    }
    bytes += entry.frame.size();
    if (!batches.empty() && bytes > bytes_max) break;
    batches.push_back({.seq = it->first,
                       .hash = entry.hash,
                       .frame = entry.frame,
                       .layouts = {},
                       .tombstone = entry.tombstone});
  }
  return batches;
}

Result<std::string> SimSpool::ReadLayout(const LayoutId& id) const {
  return NotFound(ToHex(id));
}

std::optional<bool> SimSpool::HadHash(std::uint64_t seq, std::uint64_t hash) const {
  const auto found = disk_.batches.find(seq);
  if (found == disk_.batches.end()) return std::nullopt;
  return found->second.hash == hash || found->second.first_hash == hash;
}

void SimSpool::Remove(std::vector<SeqRange> acked) {
  removed_.insert(removed_.end(), acked.begin(), acked.end());
}

void SimSpool::Replace(std::uint64_t seq, std::string reason, Done done) {
  replaced_.push_back({.seq = seq, .reason = std::move(reason), .done = std::move(done)});
}

void SimSpool::Rebase(RebaseOrder order, Done done) {
  rebase_.emplace(std::move(order), std::move(done));
}

void SimSpool::Transact() {
  for (const SeqRange& range : std::exchange(removed_, {})) {
    disk_.batches.erase(disk_.batches.lower_bound(range.first),
                        disk_.batches.upper_bound(range.last));
  }
  std::vector<Done> done;
  for (Replacing& replacing : std::exchange(replaced_, {})) {
    const auto found = disk_.batches.find(replacing.seq);
    if (found != disk_.batches.end()) MakeTombstone(found->second, replacing.reason);
    done.push_back(std::move(replacing.done));
  }
  if (auto rebase = std::exchange(rebase_, std::nullopt)) {
    CarryOut(rebase->first);
    done.push_back(std::move(rebase->second));
  }
  for (const Done& call : done) call({});
}

void SimSpool::CarryOut(const RebaseOrder& order) {
  Disk next{.epoch = order.new_epoch};
  std::vector<Record> unsure;
  std::vector<Entry> kept;
  for (auto& [seq, entry] : disk_.batches) {
    bool there = false;
    for (const StoredRun& run : order.stored) there |= run.first <= seq && seq <= run.last;
    if (!there || seq >= order.sure_from) {
      kept.push_back(std::move(entry));
    } else if (seq > order.proven_through) {
      unsure.insert(unsure.end(), entry.records.begin(), entry.records.end());
    }
  }
  const auto add_gap = [&next](BatchContents contents, std::vector<Record> records) {
    Entry entry{.records = std::move(records), .tombstone = true};
    entry.frame = EncodeBatch(contents, 0);
    entry.hash = entry.first_hash = Hash64(entry.frame);
    next.batches.emplace(next.next_seq++, std::move(entry));
  };
  BatchContents gaps;
  if (order.lost > 0) gaps.gaps.push_back({.count = order.lost, .reason = "aggregator restored"});
  if (!unsure.empty()) {
    gaps.gaps.push_back({.stream = Text(unsure), .count = unsure.size(), .reason = "restored"});
  }
  if (!gaps.empty()) add_gap(std::move(gaps), std::move(unsure));
  for (Entry& entry : kept) next.batches.emplace(next.next_seq++, std::move(entry));
  disk_ = std::move(next);
}

}  // namespace opssight::sim
