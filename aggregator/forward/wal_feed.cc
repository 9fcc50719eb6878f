#include "aggregator/forward/wal_feed.h"

#include <utility>

#include "aggregator/store/wal_entry.h"
#include "common/bytes/endian.h"
#include "common/bytes/snappy.h"
#include "common/codec/batch/batch.h"

namespace opssight {
namespace {

constexpr std::size_t kReadBytes = 4UL << 20;
constexpr std::size_t kRelabeledSeriesMax = 50'000;  // Remembered; then it begins anew.

std::vector<LabelView> ViewsOf(const Labels& labels) {
  std::vector<LabelView> views;
  views.reserve(labels.size());
  for (const Label& label : labels) views.emplace_back(label.name, label.value);
  return views;
}

}  // namespace

std::string EncodeMark(const ForwardMark& mark) {
  std::string bytes;
  PutLe(bytes, mark.position);
  PutLe(bytes, mark.items);
  return bytes;
}

std::optional<ForwardMark> DecodeMark(std::string_view bytes) {
  const auto position = GetLe<std::uint64_t>(bytes);
  const auto items = GetLe<std::uint64_t>(bytes);
  if (!position || !items || !bytes.empty()) return std::nullopt;
  return ForwardMark{.position = *position, .items = *items};
}

struct WalFeed::Draft {
  std::size_t room;        // Items that still fit.
  std::uint64_t skip = 0;  // Items of the batch that were sent before.
  std::uint64_t seen = 0;  // Items of the batch looked at.
  std::vector<WriteSeriesOut> series = {};
  std::vector<WriteMetadata> metadata = {};
  // What series point to.
  std::vector<std::shared_ptr<const void>> owners = {};
  Piece piece = {};

  // Of an item that rules drop.
  void PassBy() { ++seen; }
  // Whether the next item goes into this request; *full: none does any more.
  bool Takes(bool* full) {
    if (seen < skip) {
      ++seen;
      return false;
    }
    *full = room == 0;
    if (*full) return false;
    ++seen;
    --room;
    return true;
  }
};

Status WalFeed::Fill() {
  OPS_TRY(std::vector<Wal::RawEntry> entries, tap_.ReadWal(mark_.position, kReadBytes));
  WalPosition before = mark_.position;
  for (const Wal::RawEntry& entry : entries) {
    losses_.trimmed_batches += entry.position - before - 1;
    if (entry.position != mark_.position + 1 && before == mark_.position) mark_.items = 0;
    before = entry.position;
    Entry out{.position = entry.position, .batch = nullptr};
    const auto view = DecodeWalEntry(entry.value);
    if (view && view->FrameIntact()) {
      if (auto decoded = DecodedBatch::Decode(view->frame, {})) out.batch = *std::move(decoded);
    }
    if (out.batch == nullptr) ++losses_.corrupt_batches;
    ahead_.push_back(std::move(out));
  }
  return {};
}

Result<std::optional<WalFeed::Piece>> WalFeed::Next() {
  for (;;) {
    if (ahead_.empty()) OPS_RETURN_IF_ERROR(Fill());
    Draft draft{.room = options_.samples_per_send_max};
    draft.piece.end = mark_;
    std::uint64_t skip = mark_.items;
    for (const Entry& entry : ahead_) {
      if (entry.batch != nullptr && !AddBatch(*entry.batch, skip, draft)) {
        draft.piece.end.items = draft.seen;
        break;
      }
      draft.piece.end = {.position = entry.position, .items = 0};
      skip = 0;
    }
    if (!draft.series.empty() || !draft.metadata.empty()) {
      draft.piece.request = SnappyCompress(EncodeWriteV1(draft.series, draft.metadata));
      return std::optional<Piece>(std::move(draft.piece));
    }
    if (draft.piece.end == mark_) return std::optional<Piece>();
    Sent(draft.piece);  // Nothing for a receiver in these: logs, spans.
  }
}

void WalFeed::Sent(const Piece& piece) {
  mark_ = piece.end;
  while (!ahead_.empty() && ahead_.front().position <= mark_.position) ahead_.pop_front();
}

bool WalFeed::AddBatch(const DecodedBatch& batch, std::uint64_t skip, Draft& draft) {
  draft.skip = skip;
  draft.seen = 0;
  return AddRows(batch, draft) && AddRecords(batch, draft);
}

Labels WalFeed::Relabeled(const Labels& labels) const {
  std::vector<Label> out(labels.begin(), labels.end());
  if (!relabeler_.Apply(out)) return {};
  return Labels(std::move(out));
}

std::shared_ptr<const std::vector<Labels>> WalFeed::Relabeled(const Layout& layout) {
  auto& known = relabeled_[layout.id()];
  if (known != nullptr) return known;
  auto made = std::make_shared<std::vector<Labels>>();
  for (const LayoutSeries& series : layout.series()) made->push_back(Relabeled(series.labels));
  relabeled_series_ += made->size();
  if (relabeled_series_ > kRelabeledSeriesMax) {
    relabeled_.clear();
    relabeled_series_ = made->size();
  }
  return relabeled_[layout.id()] = std::move(made);
}

bool WalFeed::AddRows(const DecodedBatch& batch, Draft& draft) {
  bool full = false;
  for (const MetricRowsView& rows : batch.metrics()) {
    std::shared_ptr<const Layout> layout = layouts_.Find(rows.layout);
    const std::size_t width = rows.values.size() / rows.times.size();
    if (layout == nullptr || layout->series().size() != width) {
      losses_.unknown_layout_samples += rows.values.size();
      continue;
    }
    const auto relabeled = relabeler_.empty() ? nullptr : Relabeled(*layout);
    for (std::size_t i = 0; i < rows.values.size(); ++i) {
      const Labels& labels =
          relabeled ? (*relabeled)[i % width] : layout->series()[i % width].labels;
      if (labels.empty()) {
        draft.PassBy();
        continue;
      }
      const bool taken = draft.Takes(&full);
      if (full) break;
      if (!taken) continue;
      WriteSeriesOut& out = draft.series.emplace_back();
      out.labels = ViewsOf(labels);
      out.samples.push_back({.time_ms = rows.times[i / width], .value = rows.values[i]});
      ++draft.piece.samples;
    }
    draft.owners.push_back(std::move(layout));
    if (relabeled) draft.owners.push_back(relabeled);
    if (full) return false;
  }
  return true;
}

// Items that bring their series along; write fills in what stands beside the labels.
template <class Item, class Write>
bool WalFeed::AddEach(const std::vector<Item>& items, Draft& draft, Write write) {
  bool full = false;
  for (const Item& item : items) {
    const auto labels = std::make_shared<const Labels>(Relabeled(*item.series));
    if (labels->empty()) {
      draft.PassBy();
      continue;
    }
    const bool taken = draft.Takes(&full);
    if (full) return false;
    if (!taken) continue;
    WriteSeriesOut& out = draft.series.emplace_back();
    out.labels = ViewsOf(*labels);
    draft.owners.push_back(labels);
    write(item, out);
  }
  return true;
}

bool WalFeed::AddRecords(const DecodedBatch& batch, Draft& draft) {
  const auto histogram = [&draft](const HistogramRow& row, WriteSeriesOut& out) {
    out.histograms.push_back({.time_ms = row.time_ms, .histogram = row.histogram});
    ++draft.piece.histograms;
  };
  const auto exemplar = [&draft](const Exemplar& one, WriteSeriesOut& out) {
    auto& sent = out.exemplars.emplace_back();
    sent.time_ms = one.time_ms;
    sent.value = one.value;
    for (const Label& label : one.labels) sent.labels.emplace_back(label.name, label.value);
    ++draft.piece.exemplars;
  };
  if (options_.send_native_histograms && !AddEach(batch.histograms(), draft, histogram)) {
    return false;
  }
  if (options_.send_exemplars && !AddEach(batch.exemplars(), draft, exemplar)) return false;
  for (const MetricMetadata& one : batch.metadata()) {
    bool full = false;
    const bool taken = draft.Takes(&full);
    if (full) return false;
    if (!taken) continue;
    draft.metadata.push_back(
        {.type = one.type, .name = one.name, .help = one.help, .unit = one.unit});
  }
  return true;
}

}  // namespace opssight
