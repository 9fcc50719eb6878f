#include "aggregator/store/rollup/day_writer.h"

#include <algorithm>
#include <bit>
#include <tuple>
#include <utility>

#include "aggregator/store/rollup/carry_reader.h"
#include "common/base/check.h"
#include "common/model/labels.h"

namespace opssight {
namespace {

constexpr std::uint32_t kFinePerCoarse = kCoarseMs / kFineMs;
constexpr std::size_t kEntryBytes = 160;  // Of one beside its values, about.

// Keys of the day's blocks that are not of generation `keep`; at most `most`, from `from` on.
// from: where the next call is to begin, empty at the end.
Result<std::vector<std::string>> FindOthers(Env& env, DayNumber day, std::uint32_t keep,
                                            std::size_t most, std::string& from) {
  constexpr std::size_t kLooksMax = 100'000;  // In one transaction.
  std::vector<std::string> keys;
  OPS_TRY(ReadTxn txn, env.BeginRead());
  OPS_TRY(const Table table, txn.OpenTable(RollupFiles::kBlocks));
  OPS_TRY(Cursor cursor, txn.OpenCursor(table));
  OPS_TRY(auto at, cursor.Seek(from));
  for (std::size_t looks = 0; at && keys.size() < most && looks < kLooksMax; ++looks) {
    const auto key = BlockKey::Parse(at->first);
    if (key && key->day == day && key->generation != keep) keys.emplace_back(at->first);
    OPS_TRY(at, cursor.Next());
  }
  from = at ? std::string(at->first) : std::string();
  return keys;
}

}  // namespace

Status DayWriter::CommitTxn(WriteTxn txn) const {
  Status committed = txn.Commit();
  if (committed && options_.committed) options_.committed();
  return committed;
}

Status DayWriter::DropOthers(Env& env, std::uint32_t keep) const {
  constexpr std::size_t kKeysAtOnce = 2000;
  std::string from(1, '\0');
  while (!from.empty()) {
    OPS_TRY(const std::vector<std::string> keys, FindOthers(env, day_, keep, kKeysAtOnce, from));
    if (keys.empty()) continue;
    OPS_TRY(WriteTxn txn, env.BeginWrite());
    OPS_TRY(const Table table, txn.OpenTable(RollupFiles::kBlocks));
    for (const std::string& key : keys) {
      OPS_TRY(const bool deleted, txn.Delete(table, key));
      (void)deleted;
    }
    OPS_RETURN_IF_ERROR(CommitTxn(std::move(txn)));
  }
  return {};
}

Result<DayWriter> DayWriter::Begin(RollupFiles& files, DayNumber day,
                                   const DayWriterOptions& options) {
  DayWriter writer(day, options);
  for (const std::int64_t resolution_ms : {kFineMs, kCoarseMs}) {
    File file = {.resolution_ms = resolution_ms};
    OPS_TRY(file.env, files.FindOrMake(resolution_ms, MonthOfDay(day)));
    if (file.env == nullptr) return Internal("rollup: a new file is none");
    OPS_RETURN_IF_ERROR(writer.BeginFile(file));
    writer.files_.push_back(std::move(file));
  }
  return writer;
}

// Notes that it begins, so that the next writer knows of what a crash leaves.
Status DayWriter::BeginFile(File& file) const {
  bool leftovers = false;
  {
    OPS_TRY(WriteTxn txn, file.env->BeginWrite());
    OPS_TRY(const Table days, txn.OpenTable(RollupFiles::kDays));
    OPS_TRY(const Table begun, txn.OpenTable(RollupFiles::kBegun));
    OPS_TRY(const auto before, txn.Get(days, DayKeyOf(day_)));
    if (before) {
      if (auto known = DecodeRollupDay(*before)) file.before = *known;
    }
    OPS_TRY(const auto was_begun, txn.Get(begun, DayKeyOf(day_)));
    // A record that is none does not say which generation there is.
    leftovers = was_begun.has_value() || (before && !file.before);
    OPS_RETURN_IF_ERROR(txn.Put(begun, DayKeyOf(day_), "begun"));
    OPS_RETURN_IF_ERROR(CommitTxn(std::move(txn)));
  }
  const std::uint32_t counts = file.before ? file.before->generation : 0;
  file.generation = counts + 1;
  return leftovers ? DropOthers(*file.env, counts) : Status();
}

std::uint32_t DayWriter::generation(std::int64_t resolution_ms) const {
  return files_[resolution_ms == kFineMs ? 0 : 1].generation;
}

DayWriter::Encoded DayWriter::Encode(std::int64_t resolution_ms, const DayBuckets& buckets) {
  EncodedBuckets encoded = EncodeBuckets(day_, resolution_ms, buckets);
  const auto [shape, added] = shapes_.insert(std::move(encoded.shape));
  if (added) buffered_ += shape->size() + kEntryBytes;
  buffered_ += encoded.values.size();
  return {.shape = &*shape, .values = std::move(encoded.values)};
}

void DayWriter::AddSeries(const DaySeries& series, std::uint64_t metric, const Hash128& key) {
  const auto [at, is_new] = entry_of_.try_emplace(series.id, entries_.size());
  if (is_new) {
    entries_.push_back({.metric = metric, .key = key, .id = series.id, .fine = {}, .coarse = {}});
    buffered_ += kEntryBytes;
    ++series_;
    if (files_.front().before || files_.back().before) keys_.push_back(key);
  }
  Entry& entry = entries_[at->second];
  samples_ += series.samples.size() + series.histograms.size();
  const bool samples_only = !is_new && entry.fine.shape == nullptr;
  DayBuckets fine;
  AddSamples(day_, kFineMs, series.samples, fine);
  if (!is_new && !samples_only) {
    DayBuckets first;
    OPS_CHECK(DecodeBuckets(day_, kFineMs, *entry.fine.shape, entry.fine.values, first),
              "rollup: what was encoded is decoded");
    JoinBuckets(fine, first);
    fine = std::move(first);
  }
  if (samples_only || !series.histograms.empty() || !AreExact(fine)) {
    entry.fine = {};
    entry.coarse = {};
    return;
  }
  entry.fine = Encode(kFineMs, fine);
  const DayBuckets coarse = Coarser(fine, kFinePerCoarse);
  if (AreExact(coarse)) {
    entry.coarse = Encode(kCoarseMs, coarse);
  } else {
    entry.fine = entry.coarse = {};
  }
}

Status DayWriter::Add(const SeriesIndex& index, std::span<const DaySeries> series) {
  index_ = &index;
  std::vector<SeriesId> ids;
  ids.reserve(series.size());
  for (const DaySeries& one : series) ids.push_back(one.id);
  std::vector<Labels> labels;
  index.AppendLabels(ids, labels);
  const std::vector<Hash128> keys = index.Keys(ids);
  for (std::size_t i = 0; i < series.size(); ++i) {
    AddSeries(series[i], Hash64(labels[i].Get(kMetricName)), keys[i]);
  }
  return buffered_ < options_.buffer_bytes ? Status() : WriteRun();
}

Status DayWriter::WriteRun() {
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.metric, a.key) < std::tie(b.metric, b.key);
  });
  // A label set has one id, but where a piece of the day's log of series was lost.
  const auto same = [](const Entry& a, const Entry& b) { return a.key == b.key; };
  entries_.erase(std::unique(entries_.begin(), entries_.end(), same), entries_.end());
  for (std::size_t from = 0; from < entries_.size();) {
    std::size_t to = from;
    while (to < entries_.size() && entries_[to].metric == entries_[from].metric) ++to;
    OPS_RETURN_IF_ERROR(WriteMetric(std::span<const Entry>(entries_).subspan(from, to - from)));
    from = to;
  }
  entries_.clear();
  entry_of_.clear();
  shapes_.clear();
  buffered_ = 0;
  return {};
}

// By the first bits of the series' keys: a series more or less changes only its own list.
Status DayWriter::WriteMetric(std::span<const Entry> entries) {
  const auto bits =
      static_cast<unsigned>(std::bit_width((entries.size() - 1) / options_.block_series));
  const auto part = [bits](const Entry& entry) {
    return bits == 0 ? 0 : entry.key.high >> (64 - bits);
  };
  for (std::size_t from = 0; from < entries.size();) {
    std::size_t to = from;
    while (to < entries.size() && to - from < kRollupSeriesMax &&
           part(entries[to]) == part(entries[from])) {
      ++to;
    }
    OPS_RETURN_IF_ERROR(WriteBlock(entries.subspan(from, to - from)));
    from = to;
  }
  return {};
}

Status DayWriter::WriteBlock(std::span<const Entry> entries) {
  std::vector<SeriesId> ids;
  for (const Entry& entry : entries) ids.push_back(entry.id);
  std::vector<Labels> labels;
  index_->AppendLabels(ids, labels);
  RollupList list = WriteRollupList(labels);
  for (File& file : files_) {
    RollupBlockWriter writer(list.name);
    for (const Entry& entry : entries) {
      const Encoded& encoded = file.resolution_ms == kFineMs ? entry.fine : entry.coarse;
      writer.Add(encoded.shape == nullptr ? std::string_view() : *encoded.shape, encoded.values);
    }
    OPS_RETURN_IF_ERROR(PutBlock(file, entries.front().metric, list, writer.Finish()));
  }
  return {};
}

Status DayWriter::PutBlock(File& file, std::uint64_t metric, RollupList list,
                           std::string bytes) const {
  const BlockKey key = {
      .metric = metric, .day = day_, .generation = file.generation, .number = file.next_number++};
  file.put_bytes += list.bytes.size() + bytes.size();
  file.puts.push_back({.key = ListKeyOf(list.name), .value = std::move(list.bytes), .list = true});
  file.puts.push_back({.key = key.ToBytes(), .value = std::move(bytes)});
  return file.put_bytes < options_.transaction_bytes_max ? Status() : WritePuts(file);
}

Status DayWriter::CarryOver() {
  std::sort(keys_.begin(), keys_.end());
  for (File& file : files_) {
    if (!file.before) continue;
    CarryReader reader(
        *file.env,
        {.resolution_ms = file.resolution_ms, .day = day_, .generation = file.before->generation},
        keys_);
    for (bool more = true; more;) {
      std::vector<CarriedBlock> blocks;
      OPS_TRY(more, reader.Some(options_.transaction_bytes_max, blocks));
      for (CarriedBlock& one : blocks) {
        file.carried_series += one.series;
        file.carried_samples += one.samples;
        OPS_RETURN_IF_ERROR(PutBlock(file, one.metric, std::move(one.list), std::move(one.bytes)));
      }
    }
    OPS_RETURN_IF_ERROR(WritePuts(file));
  }
  return {};
}

std::optional<RollupDay> DayWriter::FarMore() const {
  for (const File& file : files_) {
    if (!file.before || file.before->edited) continue;
    if (samples_ + file.carried_samples < file.before->samples / 2) return file.before;
  }
  return std::nullopt;
}

Status DayWriter::WritePuts(File& file) const {
  if (file.puts.empty()) return {};
  OPS_TRY(WriteTxn txn, file.env->BeginWrite());
  OPS_TRY(const Table lists, txn.OpenTable(RollupFiles::kLists));
  OPS_TRY(const Table blocks, txn.OpenTable(RollupFiles::kBlocks));
  for (const Put& put : file.puts) {
    if (put.list) {
      OPS_TRY(const auto there, txn.Get(lists, put.key));
      if (there && *there == put.value) continue;
    }
    OPS_RETURN_IF_ERROR(txn.Put(put.list ? lists : blocks, put.key, put.value));
  }
  OPS_RETURN_IF_ERROR(CommitTxn(std::move(txn)));
  file.puts.clear();
  file.put_bytes = 0;
  return {};
}

Status DayWriter::Finish() {
  OPS_RETURN_IF_ERROR(WriteRun());
  for (File& file : files_) OPS_RETURN_IF_ERROR(WritePuts(file));
  return {};
}

Status DayWriter::WriteDay(File& file, const RollupDay& day) const {
  const auto end = [&](WriteTxn txn) -> Status {
    OPS_TRY(const Table begun, txn.OpenTable(RollupFiles::kBegun));
    OPS_TRY(const bool deleted, txn.Delete(begun, DayKeyOf(day_)));
    (void)deleted;
    return CommitTxn(std::move(txn));
  };
  OPS_TRY(WriteTxn txn, file.env->BeginWrite());
  OPS_TRY(const Table days, txn.OpenTable(RollupFiles::kDays));
  OPS_RETURN_IF_ERROR(txn.Put(days, DayKeyOf(day_), EncodeRollupDay(day)));
  if (!file.before) return end(std::move(txn));
  OPS_RETURN_IF_ERROR(CommitTxn(std::move(txn)));
  // From here on what is not of this generation is only in the way.
  OPS_RETURN_IF_ERROR(DropOthers(*file.env, day.generation));
  OPS_TRY(WriteTxn last, file.env->BeginWrite());
  return end(std::move(last));
}

Status DayWriter::Commit(WalPosition cut, bool edited) {
  for (File& file : files_) {
    OPS_RETURN_IF_ERROR(WriteDay(file, {.generation = file.generation,
                                        .cut = cut,
                                        .edited = edited,
                                        .series = series_ + file.carried_series,
                                        .samples = samples_ + file.carried_samples}));
  }
  return {};
}

Status DayWriter::Abandon() {
  for (File& file : files_) {
    // Where nothing was, the next writer of the day takes away what is half made.
    if (file.before) OPS_RETURN_IF_ERROR(WriteDay(file, *file.before));
  }
  return {};
}

}  // namespace opssight
