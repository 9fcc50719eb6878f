#include "agent/batch/batcher.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/base/log.h"

namespace opssight {
namespace {

constexpr std::size_t kPositionKeyBytesMax = 400;
constexpr std::int64_t kBlockedRetryMs = 100;

template <class T>
bool HasSeries(const T& record) {
  return record.series != nullptr;
}
bool HasSeries(const MetricMetadata&) {
  return true;
}

}  // namespace

// Outlives the batcher where a task posted to the loop still holds it.
struct Batcher::Inbox {
  Mutex mutex;
  std::vector<Packer::News> news OPS_GUARDED_BY(mutex);
  Batcher* owner = nullptr;  // The loop's thread; none once it is stopped.
};

Batcher::Batcher(Loop& loop, const Clock& clock, Spool& spool, const BatchOptions& options)
    : loop_(loop),
      clock_(clock),
      spool_(spool),
      options_(options),
      open_(options),
      timer_(loop),
      inbox_(std::make_shared<Inbox>()),
      packer_(spool, clock, options, [&loop, inbox = inbox_](Packer::News news) {
        {
          MutexLock lock(inbox->mutex);
          inbox->news.push_back(std::move(news));
        }
        loop.Post([&loop, inbox] {
          loop.AssertHere();
          if (inbox->owner == nullptr) return;
          inbox->owner->loop_.AssertHere();
          inbox->owner->TakeNews();
        });
      }) {
  inbox_->owner = this;
  spool_.PostDoneWith([&loop](std::function<void()> done) { loop.Post(std::move(done)); });
  spool_.OnQueued([this] { packer_.channel().Wake(); });
  packer_.Start();
}

Batcher::~Batcher() {
  loop_.AssertHere();
  OPS_CHECK(stopped_, "batcher: destroyed before Stop()");
}

void Batcher::AcceptMetrics(MetricRow row) {
  loop_.AssertHere();
  if (stopped_) return;
  if (row.layout == nullptr || row.values.empty()) {
    ++stats_.rows_ignored;
    return;
  }
  open_.AddMetrics(std::move(row), clock_.SteadyMs());
  Changed();
}

void Batcher::AcceptLogs(LogRows rows, std::vector<Position> positions) {
  loop_.AssertHere();
  if (stopped_) return;
  const std::int64_t now_ms = clock_.SteadyMs();
  open_.AddLogs(std::move(rows), now_ms);
  for (Position& position : positions) {
    if (position.key.empty() || position.key.size() > kPositionKeyBytesMax) {
      ++stats_.positions_refused;
      OPS_LOG_EVERY(60, kError, "batch: position key of {} bytes, 1 to {} allowed; not kept",
                    position.key.size(), kPositionKeyBytesMax);
      continue;
    }
    open_.AddPosition(std::move(position), now_ms);
  }
  Changed();
}

void Batcher::AcceptSpans(std::vector<Span> spans) {
  loop_.AssertHere();
  if (stopped_) return;
  open_.AddSpans(std::move(spans), clock_.SteadyMs());
  Changed();
}

template <class T>
void Batcher::DropRefused(std::vector<T>& records, std::string_view what) {
  const auto refused = [&](const T& record) {
    if (!HasSeries(record)) return true;
    const Status status = CheckRecord(record, {});
    if (!status) OPS_LOG_EVERY(60, kWarn, "batch: {}: {}; not kept", what, status.error().message);
    return !status;
  };
  const auto kept = std::remove_if(records.begin(), records.end(), refused);
  stats_.records_refused += static_cast<std::uint64_t>(records.end() - kept);
  records.erase(kept, records.end());
}

void Batcher::AcceptHistograms(std::vector<HistogramRow> rows) {
  loop_.AssertHere();
  if (stopped_) return;
  DropRefused(rows, "a native histogram");
  open_.AddHistograms(std::move(rows), clock_.SteadyMs());
  Changed();
}

void Batcher::AcceptExemplars(std::vector<Exemplar> exemplars) {
  loop_.AssertHere();
  if (stopped_) return;
  DropRefused(exemplars, "an exemplar");
  open_.AddExemplars(std::move(exemplars), clock_.SteadyMs());
  Changed();
}

void Batcher::AcceptMetadata(std::vector<MetricMetadata> metadata) {
  loop_.AssertHere();
  if (stopped_) return;
  DropRefused(metadata, "metadata of a metric");
  open_.AddMetadata(std::move(metadata), clock_.SteadyMs());
  Changed();
}

void Batcher::AcceptTargets(TargetsSnapshot targets) {
  loop_.AssertHere();
  if (stopped_) return;
  open_.AddTargets(std::move(targets), clock_.SteadyMs());
  Changed();
}

void Batcher::AcceptGap(Gap gap) {
  loop_.AssertHere();
  if (stopped_) return;
  open_.AddGap(std::move(gap), clock_.SteadyMs());
  Changed();
}

void Batcher::Commit(std::function<void(Status)> done) {
  loop_.AssertHere();
  if (stopped_) {
    done(Unavailable("batch: the agent is stopping"));
    return;
  }
  open_.AddCommit(std::move(done), clock_.SteadyMs());
  Changed();
}

bool Batcher::Congested() const {
  return packer_.failing() || spool_.nearly_full() ||
         packer_.channel_bytes() >= options_.channel_bytes_max / 2;
}

void Batcher::OnSpooled(std::function<void()> listener) {
  loop_.AssertHere();
  listener_ = std::move(listener);
}

void Batcher::Changed() {
  if (open_.full() && !blocked_) {
    Close();
    return;
  }
  if (blocked_ && open_.raw_bytes() > options_.open_bytes_max) Blocked();
  Arm();
}

// Sees that the timer runs when the open batch is due, or to be tried again.
void Batcher::Arm() {
  const std::optional<std::int64_t> due_ms = open_.due_ms();
  if (!due_ms || stopped_) return;
  const std::int64_t now_ms = clock_.SteadyMs();
  const std::int64_t at_ms = blocked_ ? now_ms + kBlockedRetryMs : *due_ms;
  if (armed_ms_ != 0 && armed_ms_ <= at_ms) return;
  armed_ms_ = at_ms;
  timer_.Start(at_ms - now_ms, 0, [this] {
    loop_.AssertHere();
    armed_ms_ = 0;
    const std::optional<std::int64_t> due = open_.due_ms();
    if (due && (blocked_ || *due <= clock_.SteadyMs())) {
      Close();
    } else {
      Arm();
    }
  });
}

bool Batcher::Push() {
  const std::size_t bytes = open_.raw_bytes();
  const std::int64_t now_ms = clock_.SteadyMs();
  if (packer_.channel().TryPush(open_.batch(), bytes)) {
    room_ms_ = now_ms;
    return true;
  }
  if (packer_.failing() || now_ms - room_ms_ >= options_.burst_ms_max) return false;
  packer_.channel().PushAnyway(open_.batch(), bytes);
  return true;
}

void Batcher::Close() {
  blocked_ = !Push();
  if (blocked_) {
    Blocked();
    Arm();
  } else {
    open_.Reset();
  }
}

// The packer is behind by a whole channel, and not for a moment: the disk does not take it.
void Batcher::Blocked() {
  FailCommits(Unavailable("batch: the spool does not keep up"));
  for (const bool with_logs : {false, true}) {
    const std::size_t bytes_max = options_.open_bytes_max * (with_logs ? 2 : 1);
    if (open_.raw_bytes() <= bytes_max) continue;
    if (with_logs) stats_.metadata_dropped += open_.batch().contents.metadata.size();
    open_.Thin(with_logs, stats_.dropped);
  }
}

void Batcher::FailCommits(const Error& why) {
  // A callback may call Commit(): not on the list that is walked.
  const std::vector<CommitDone> commits = std::exchange(open_.batch().commits, {});
  stats_.commits_failed += commits.size();
  for (const CommitDone& done : commits) done(why);
}

void Batcher::TakeNews() {
  std::vector<Packer::News> all;
  {
    MutexLock lock(inbox_->mutex);
    all.swap(inbox_->news);
  }
  bool spool_changed = false;
  for (Packer::News& news : all) {
    spool_changed = spool_changed || news.spool_changed;
    for (auto& [done, status] : news.commits) done(std::move(status));
  }
  if (spool_changed && listener_) listener_();
}

void Batcher::Stop() {
  loop_.AssertHere();
  if (std::exchange(stopped_, true)) return;
  timer_.Stop();
  if (!open_.empty()) {
    packer_.channel().PushAnyway(open_.batch(), open_.raw_bytes());
    open_.Reset();
  }
  packer_.Stop();
  spool_.OnQueued(nullptr);
  TakeNews();
  inbox_->owner = nullptr;
}

BatchStats Batcher::stats() const {
  loop_.AssertHere();
  BatchStats out = packer_.stats();
  for (std::size_t i = 0; i < out.dropped.size(); ++i) out.dropped[i] += stats_.dropped[i];
  out.commits_failed += stats_.commits_failed;
  out.rows_ignored = stats_.rows_ignored;
  out.records_refused = stats_.records_refused;
  out.metadata_dropped = stats_.metadata_dropped;
  out.positions_refused = stats_.positions_refused;
  out.channel_bytes = packer_.channel_bytes();
  return out;
}

}  // namespace opssight
