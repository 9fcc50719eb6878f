// WalFeed cuts what the wal holds into remote-write requests of bounded size, from a mark
// on: the same mark gives the same request again, however often it is tried. No thread, no
// network. Belongs to one forwarder.
//
//   WalFeed feed(tap, layouts, options, relabeler, mark);
//   OPS_TRY(std::optional<WalFeed::Piece> piece, feed.Next());   // nothing: all is sent
//   … send piece->request …
//   feed.Sent(*piece);
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "aggregator/forward/options.h"
#include "aggregator/store/signal_store.h"
#include "aggregator/store/wal_tap.h"
#include "common/base/result.h"
#include "common/codec/remote/write.h"
#include "common/relabel/relabel.h"

namespace opssight {

// Everything up to here was acknowledged: entries <= position, and `items` items (samples,
// histograms, exemplars, metadata, in this order, also those that rules drop) of the entry
// behind it.
struct ForwardMark {
  WalPosition position = 0;
  std::uint64_t items = 0;
  bool operator==(const ForwardMark&) const = default;
};
std::string EncodeMark(const ForwardMark& mark);
std::optional<ForwardMark> DecodeMark(std::string_view bytes);

class WalFeed {
 public:
  struct Piece {
    std::string request;  // Snappy.
    ForwardMark end;
    std::uint64_t samples = 0;
    std::uint64_t histograms = 0;
    std::uint64_t exemplars = 0;
  };
  struct Losses {
    std::uint64_t trimmed_batches = 0;  // They went from the wal before they were read.
    std::uint64_t corrupt_batches = 0;
    std::uint64_t unknown_layout_samples = 0;
  };

  // All outlive the feed.
  WalFeed(WalTap& tap, const LayoutLookup& layouts, const ForwardOptions& options,
          Relabeler relabeler, ForwardMark mark)
      : tap_(tap),
        layouts_(layouts),
        options_(options),
        relabeler_(std::move(relabeler)),
        mark_(mark) {}

  Result<std::optional<Piece>> Next();
  // It was acknowledged, or is given up.
  void Sent(const Piece& piece);

  const ForwardMark& mark() const { return mark_; }
  const Losses& losses() const { return losses_; }

 private:
  // A request in the making. Its series point into the batches and layouts that it keeps.
  struct Draft;
  Status Fill();
  // Items of the batch after the first skip; true: all of them are in the draft.
  bool AddBatch(const DecodedBatch& batch, std::uint64_t skip, Draft& draft);
  bool AddRows(const DecodedBatch& batch, Draft& draft);
  // The labels of a layout's series after relabelling; none of a series that is dropped.
  std::shared_ptr<const std::vector<Labels>> Relabeled(const Layout& layout);
  Labels Relabeled(const Labels& labels) const;
  template <class Item, class Write>
  bool AddEach(const std::vector<Item>& items, Draft& draft, Write write);
  bool AddRecords(const DecodedBatch& batch, Draft& draft);

  WalTap& tap_;
  const LayoutLookup& layouts_;
  const ForwardOptions& options_;
  const Relabeler relabeler_;
  ForwardMark mark_;
  // Rules cost a microsecond a series, and layouts come again.
  std::unordered_map<LayoutId, std::shared_ptr<const std::vector<Labels>>> relabeled_;
  std::size_t relabeled_series_ = 0;
  struct Entry {
    WalPosition position;
    std::shared_ptr<const DecodedBatch> batch;
  };
  std::deque<Entry> ahead_;  // Read and not sent; above mark_.position.
  Losses losses_;
};

}  // namespace opssight
