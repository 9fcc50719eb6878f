#include "common/model/frame.h"

#include <bit>
#include <utility>

#include "common/bytes/hash.h"

namespace opssight {

void FrameBuilder::Begin() {
  next_ = 0;
  rebuilding_ = layout_ == nullptr || !follow_;
  series_.clear();
  new_hashes_.clear();
  values_.clear();
  values_.reserve(hashes_.size());
}

void FrameBuilder::Add(std::string_view name, std::span<const LabelView> labels, MetricType type,
                       double value) {
  key_.assign(1, static_cast<char>(type));
  key_.append(name).push_back('\xff');
  for (const auto& [label, text] : labels) AppendLabelKey(label, text, key_);
  const std::uint64_t hash = Hash64(key_);
  if (!rebuilding_) {
    if (next_ < hashes_.size() && hashes_[next_] == hash) {
      ++next_;
      values_.push_back(value);
      return;
    }
    StartRebuild();
  }
  Append(name, labels, type, hash, value);
}

void FrameBuilder::StartRebuild() {
  rebuilding_ = true;
  const auto count = static_cast<std::ptrdiff_t>(next_);
  series_.assign(layout_->series().begin(), layout_->series().begin() + count);
  new_hashes_.assign(hashes_.begin(), hashes_.begin() + count);
}

void FrameBuilder::Append(std::string_view name, std::span<const LabelView> labels, MetricType type,
                          std::uint64_t hash, double value) {
  std::vector<Label> all = common_;
  all.push_back({std::string(kMetricName), std::string(name)});
  for (const auto& [label, text] : labels) all.push_back({std::string(label), std::string(text)});
  series_.push_back({.labels = Labels(std::move(all)), .type = type});
  new_hashes_.push_back(hash);
  values_.push_back(value);
}

bool FrameBuilder::RemoveDuplicates(std::unordered_set<std::uint64_t>& seen) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < series_.size(); ++i) {
    if (!seen.insert(series_[i].labels.Hash()).second) {
      ++duplicates_;
      continue;
    }
    if (kept != i) {
      series_[kept] = std::move(series_[i]);
      new_hashes_[kept] = new_hashes_[i];
      values_[kept] = values_[i];
    }
    ++kept;
  }
  const bool some = kept != series_.size();
  series_.resize(kept);
  new_hashes_.resize(kept);
  values_.resize(kept);
  return some;
}

MetricRow FrameBuilder::End(std::int64_t time_ms) {
  departed_.clear();
  if (!rebuilding_ && next_ != hashes_.size()) StartRebuild();  // The round was shorter.
  if (rebuilding_) {
    std::unordered_set<std::uint64_t> seen;
    follow_ = !RemoveDuplicates(seen);  // With duplicates the next round cannot follow: anew.
    if (layout_ != nullptr) {
      for (const LayoutSeries& series : layout_->series()) {
        if (!seen.contains(series.labels.Hash())) departed_.push_back(series);
      }
    }
    layout_ = std::make_shared<const Layout>(std::move(series_));
    hashes_ = std::move(new_hashes_);
    series_ = {};
    new_hashes_ = {};
  }
  return {.layout = layout_, .time_ms = time_ms, .values = std::move(values_)};
}

namespace {

MetricRow StaleRow(std::vector<LayoutSeries> series, std::int64_t time_ms) {
  std::vector<double> values(series.size(), std::bit_cast<double>(kStaleNanBits));
  return {.layout = std::make_shared<const Layout>(std::move(series)),
          .time_ms = time_ms,
          .values = std::move(values)};
}

}  // namespace

MetricRow FrameBuilder::TakeStale(std::int64_t time_ms) {
  if (departed_.empty()) return {.layout = nullptr, .time_ms = time_ms, .values = {}};
  return StaleRow(std::exchange(departed_, {}), time_ms);
}

MetricRow FrameBuilder::Retire(std::int64_t time_ms) {
  const std::shared_ptr<const Layout> last = std::exchange(layout_, nullptr);
  hashes_.clear();
  departed_.clear();
  follow_ = false;
  if (last == nullptr) return {.layout = nullptr, .time_ms = time_ms, .values = {}};
  return StaleRow(last->series(), time_ms);
}

}  // namespace opssight
