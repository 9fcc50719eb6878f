#include "agent/batch/packer.h"

#include <algorithm>
#include <malloc.h>
#include <pthread.h>

#include "common/base/check.h"
#include "common/base/log.h"

namespace opssight {
namespace {

constexpr std::string_view kNoMemory = "spool cannot write, memory full";
constexpr std::size_t kPeakBytes = 2UL << 20;  // From which on giving memory back is worth it.

std::size_t BytesOf(const SpoolWrite& write) {
  std::size_t bytes = sizeof(SpoolWrite) + write.frame.size();
  for (const Position& position : write.positions) {
    bytes += sizeof(Position) + position.key.size() + position.value.value_or("").size();
  }
  return bytes;
}

std::vector<std::shared_ptr<const Layout>> LayoutsOf(const BatchContents& contents) {
  std::vector<std::shared_ptr<const Layout>> out;
  for (const MetricRow& row : contents.metrics) out.push_back(row.layout);
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a->id() < b->id(); });
  out.erase(std::unique(out.begin(), out.end(),
                        [](const auto& a, const auto& b) { return a->id() == b->id(); }),
            out.end());
  return out;
}

LogRows CopyOf(const LogRowsView& view) {
  std::vector<Label> labels;
  for (const auto& [name, value] : view.labels) {
    labels.push_back({.name = std::string(name), .value = std::string(value)});
  }
  LogRows out{.stream = std::make_shared<const Labels>(std::move(labels)),
              .text = std::string(view.text)};
  for (std::size_t i = 0; i < view.times.size(); ++i) {
    out.rows.push_back({.time_ns = view.times[i], .end = view.ends[i]});
  }
  for (const LogRowsView::Metadata& entry : view.metadata) {
    out.metadata.push_back(
        {.row = entry.row,
         .label = {.name = std::string(entry.name), .value = std::string(entry.value)}});
  }
  return out;
}

}  // namespace

Packer::Packer(Spool& spool, const Clock& clock, const BatchOptions& options,
               std::function<void(News)> news)
    : spool_(spool),
      clock_(clock),
      options_(options),
      news_(std::move(news)),
      channel_(options.channel_bytes_max) {}

void Packer::Start() {
  thread_ = std::thread([this] { Run(); });
}

Packer::~Packer() {
  OPS_CHECK(!thread_.joinable(), "packer: destroyed before Stop()");
}

void Packer::Stop() {
  channel_.Close();
  if (thread_.joinable()) thread_.join();
}

BatchStats Packer::stats() const {
  MutexLock lock(mutex_);
  BatchStats out = stats_;
  out.failing = failing();
  return out;
}

void Packer::Run() {
  pthread_setname_np(pthread_self(), "packer");
  std::vector<ClosedBatch> taken;
  for (;;) {
    const bool room = pending_bytes_ < options_.pending_bytes_max || channel_.closed();
    const bool open =
        channel_.Pop(room ? options_.group_bytes_max : 0, WaitMs(clock_.SteadyMs()), taken);
    for (ClosedBatch& batch : taken) Pack(std::move(batch));
    taken.clear();
    const std::int64_t now_ms = clock_.SteadyMs();
    if (DueNow(now_ms) || !open) Flush(now_ms);
    if (!open && !pending_.empty() && spool_.FreeReserve()) Flush(now_ms);
    if (!open) break;
  }
  GiveUp();
}

// How long nothing needs to be done unless something comes; none: for ever.
std::optional<std::int64_t> Packer::WaitMs(std::int64_t now_ms) {
  if (channel_.closed()) return 0;
  if (failing()) return std::max<std::int64_t>(retry_at_ms_ - now_ms, 0);
  if (spool_.HasUrgent()) return 0;
  if (!spool_.HasQueued()) {
    queued_since_ms_.reset();
    return std::nullopt;
  }
  if (!queued_since_ms_) queued_since_ms_ = now_ms;
  return std::max<std::int64_t>(*queued_since_ms_ + options_.remove_delay_ms - now_ms, 0);
}

bool Packer::DueNow(std::int64_t now_ms) {
  if (failing()) return now_ms >= retry_at_ms_;
  if (!pending_.empty() || !commits_.empty() || !lost_.empty() || spool_.HasUrgent()) return true;
  return queued_since_ms_ && now_ms >= *queued_since_ms_ + options_.remove_delay_ms;
}

void Packer::Pack(ClosedBatch batch) {
  const BatchContents& contents = batch.contents;
  std::move(batch.commits.begin(), batch.commits.end(), std::back_inserter(commits_));
  if (contents.empty() && batch.positions.empty()) return;
  SpoolWrite write{.id = ++last_id_, .frame = {}, .layouts = {}, .positions = {}};
  if (!contents.empty()) {
    write.frame = EncodeBatch(contents, clock_.WallMs());
    write.summary = Summarize(contents);
    write.layouts = LayoutsOf(contents);
  }
  write.positions = std::move(batch.positions);
  pending_bytes_ += BytesOf(write);
  peak_bytes_ = std::max(peak_bytes_, pending_bytes_ + batch.raw_bytes);
  MutexLock lock(mutex_);
  ++stats_.batches;
  stats_.raw_bytes += batch.raw_bytes;
  stats_.frame_bytes += write.frame.size();
  stats_.pending_bytes = pending_bytes_;
  pending_.push_back(std::move(write));
}

void Packer::Flush(std::int64_t now_ms) {
  const bool has_gaps = !lost_.empty();
  if (has_gaps) {
    pending_.push_back({.id = ++last_id_,
                        .frame = EncodeBatch({.gaps = lost_.gaps()}, clock_.WallMs()),
                        .layouts = {},
                        .positions = {}});
  }
  // Only commits: all before them is written already.
  const bool nothing = pending_.empty() && !spool_.HasQueued() && !failing();
  const auto seqs = nothing ? Result<std::vector<std::uint64_t>>() : spool_.Write(pending_);
  queued_since_ms_.reset();
  if (seqs) {
    Succeeded(now_ms, !nothing);
    return;
  }
  if (has_gaps) pending_.pop_back();
  failing_ = true;
  retry_at_ms_ = now_ms + options_.retry_ms;
  News news;
  FailCommits(seqs.error(), news);
  Shed();
  news_(std::move(news));
}

void Packer::Succeeded(std::int64_t now_ms, bool spool_changed) {
  News news{.commits = {}, .spool_changed = spool_changed};
  for (CommitDone& done : commits_) news.commits.emplace_back(std::move(done), Status());
  {
    MutexLock lock(mutex_);
    stats_.commits_done += commits_.size();
    stats_.pending_bytes = 0;
  }
  commits_.clear();
  pending_.clear();
  lost_.Clear();
  thinned_ = 0;
  pending_bytes_ = 0;
  failing_ = false;
  news_(std::move(news));
  GiveMemoryBack(now_ms);
}

void Packer::FailCommits(const Error& why, News& news) {
  MutexLock lock(mutex_);
  stats_.commits_failed += commits_.size();
  for (CommitDone& done : commits_) {
    news.commits.emplace_back(std::move(done), Unavailable("spool: " + why.message));
  }
  commits_.clear();
}

// Oldest first, until the rest is within the bound or only lines are left.
void Packer::Shed() {
  while (pending_bytes_ > options_.pending_bytes_max && thinned_ < pending_.size()) {
    SpoolWrite& write = pending_[thinned_];
    pending_bytes_ -= BytesOf(write);
    Thin(write);
    if (write.frame.empty() && write.positions.empty()) {
      pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(thinned_));
      continue;
    }
    pending_bytes_ += BytesOf(write);
    ++thinned_;
  }
  MutexLock lock(mutex_);
  stats_.pending_bytes = pending_bytes_;
}

void Packer::Thin(SpoolWrite& write) {
  if (write.summary.counts[0] + write.summary.counts[2] == 0) return;
  const auto batch = DecodedBatch::Decode(write.frame, {});
  OPS_CHECK(batch.has_value(), "packer: our own batch: {}", batch.error().message);
  lost_.AddMetrics((*batch)->metrics(), kNoMemory, [&write](const LayoutId& id) {
    for (const auto& layout : write.layouts) {
      if (layout->id() == id) return GapStream(*layout);
    }
    return std::string();
  });
  lost_.AddHistograms((*batch)->histograms(), kNoMemory);
  lost_.AddExemplars((*batch)->exemplars(), kNoMemory);
  lost_.AddSpans((*batch)->spans(), kNoMemory);
  for (const Gap& gap : (*batch)->gaps()) lost_.Add(gap);
  {
    MutexLock lock(mutex_);
    stats_.dropped[0] += write.summary.counts[0];
    stats_.dropped[2] += write.summary.counts[2];
  }
  BatchContents kept;
  for (const LogRowsView& rows : (*batch)->logs()) kept.logs.push_back(CopyOf(rows));
  kept.metadata = (*batch)->metadata();
  kept.targets = (*batch)->targets();
  write.frame = kept.empty() ? std::string() : EncodeBatch(kept, (*batch)->created_ms());
  write.summary = Summarize(kept);
  write.layouts.clear();
}

// After the last try.
void Packer::GiveUp() {
  if (pending_.empty()) return;
  OPS_LOG(kError,
          "batch: {} batches could not be written at the end and are lost; "
          "positions were not moved, so files are read again from there",
          pending_.size());
  MutexLock lock(mutex_);
  stats_.lost_at_stop += pending_.size();
}

void Packer::GiveMemoryBack(std::int64_t now_ms) {
  if (peak_bytes_ < kPeakBytes || now_ms < trim_at_ms_) return;
  malloc_trim(0);
  peak_bytes_ = 0;
  trim_at_ms_ = now_ms + options_.trim_period_ms;
}

}  // namespace opssight
