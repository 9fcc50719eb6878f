#include "aggregator/forward/forwarder.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bytes/hash.h"

namespace opssight {
namespace {

constexpr std::int64_t kLookMs = 200;     // How often the wal is looked at when all is sent.
constexpr std::int64_t kErrorMs = 1'000;  // After an error of ours.
// Batches with nothing for a receiver (logs) move the position too; one commit each would be
// too dear.
constexpr std::int64_t kRememberIdleMs = 10'000;
constexpr std::int64_t kRetryAfterMaxS = 300;

// Keys of a MetaTable are short; URLs need not be.
std::string KeyOf(const ForwardOptions& options) {
  return ToHex(HashOf128(options.id()));
}

bool IsRetryable(const ForwardOptions& options, int status) {
  return status == 0 || status >= 500 || (status == 429 && options.retry_on_http_429);
}

}  // namespace

Result<std::unique_ptr<Forwarder>> Forwarder::Open(const ForwardOptions& options, WalTap& tap,
                                                   const LayoutLookup& layouts, MetaTable marks,
                                                   std::unique_ptr<Post> post) {
  OPS_TRY(Relabeler relabeler, Relabeler::Make(options.write_relabel));
  OPS_TRY(const std::optional<std::string> bytes, marks.Get(KeyOf(options)));
  std::optional<ForwardMark> mark;
  if (bytes) {
    mark = DecodeMark(*bytes);
    if (!mark) return Corrupt(fmt::format("forward: {}: the position kept is none", options.id()));
    tap.HoldWal(options.id(), mark->position);
  }
  return std::unique_ptr<Forwarder>(new Forwarder(options, tap, layouts, std::move(marks),
                                                  std::move(post), std::move(relabeler), mark));
}

Forwarder::Forwarder(const ForwardOptions& options, WalTap& tap, const LayoutLookup& layouts,
                     MetaTable marks, std::unique_ptr<Post> post, Relabeler relabeler,
                     std::optional<ForwardMark> mark)
    : options_(options),
      tap_(tap),
      layouts_(layouts),
      marks_(std::move(marks)),
      post_(std::move(post)),
      relabeler_(std::move(relabeler)),
      mark_(mark),
      random_(HashOf128(options.id()).low) {}

void Forwarder::Start() {
  const WalPosition last = tap_.LastPosition();
  const auto beyond = [last](const ForwardMark& mark) {
    return mark.position > last || (mark.position == last && mark.items > 0);
  };
  if (mark_ && beyond(*mark_)) {
    stats_.new_wals.Add();
    OPS_LOG(kError,
            "forward: {}: its position is entry {}, the last of the wal is {}: the wal is a new "
            "one; what of the old one was not sent is lost, sending what comes from now on",
            options_.id(), mark_->position, last);
    mark_.reset();
  }
  if (!mark_) {
    mark_ = ForwardMark{.position = last};
    tap_.HoldWal(options_.id(), last);
  }
  feed_ = std::make_unique<WalFeed>(tap_, layouts_, options_, relabeler_, *mark_);
  OPS_LOG(kInfo, "forward: {}: sending what the store is given from entry {} on", options_.id(),
          mark_->position + 1);
  thread_ = std::thread([this] { Run(); });
}

void Forwarder::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  post_->Abort();
  if (thread_.joinable()) thread_.join();
}

bool Forwarder::Pause(std::int64_t ms) {
  const std::int64_t until_ns = Clock::System().SteadyNs() + ms * kNsPerMs;
  MutexLock lock(mutex_);
  for (;;) {
    const std::int64_t left_ns = until_ns - Clock::System().SteadyNs();
    if (stopping_ || left_ns <= 0) return !stopping_;
    changed_.WaitFor(mutex_, left_ns);
  }
}

void Forwarder::Run() {
  // From the first time on it is known where a new receiver begins.
  while (!Remember(feed_->mark())) {
    if (!Pause(kErrorMs)) return;
  }
  Show();
  while (Pause(0)) {
    Hold();
    const bool sent = SendOne();
    Show();
    if (sent) continue;
    if (Clock::System().SteadyMs() >= remembered_at_ms_ + kRememberIdleMs) RememberIdle();
    if (!Pause(kLookMs)) break;
  }
  RememberIdle();
}

// Or else the next start would take what had nothing for the receiver for unsent.
void Forwarder::RememberIdle() {
  if (feed_->mark() != remembered_) (void)Remember(feed_->mark());
}

// A receiver that is behind for too long is not worth the disk: the oldest is given up, no
// more of it than has to be.
void Forwarder::Hold() {
  const WalPosition oldest = tap_.OldestWithin(options_.wal_bytes_max);
  tap_.HoldWal(options_.id(), std::max(oldest, remembered_.position));
  if (oldest <= remembered_.position) return;
  OPS_LOG_EVERY(60, kWarn,
                "forward: {}: {} batches behind, more than {} bytes; the oldest {} go unsent",
                options_.id(), tap_.LastPosition() - remembered_.position, options_.wal_bytes_max,
                oldest - remembered_.position);
}

bool Forwarder::SendOne() {
  auto piece = feed_->Next();
  if (!piece) {
    OPS_LOG_EVERY(60, kError, "forward: {}: {}; tried again", options_.id(), piece.error().message);
    return Pause(kErrorMs);
  }
  if (!*piece) return false;
  if (!Deliver(**piece)) return false;
  while (!Remember((*piece)->end)) {
    if (!Pause(kErrorMs)) return false;
  }
  feed_->Sent(**piece);
  return true;
}

// True: acknowledged or given up.
bool Forwarder::Deliver(const WalFeed::Piece& piece) {
  bool away = false;
  for (std::int64_t backoff_ms = options_.backoff_min_ms;;) {
    const PostAnswer answer = post_->Send(piece.request);
    if (answer.status / 100 == 2) {
      if (away) OPS_LOG(kInfo, "forward: {}: takes requests again", options_.id());
      stats_.requests.Add();
      stats_.bytes.Add(piece.request.size());
      stats_.samples.Add(piece.samples);
      stats_.histograms.Add(piece.histograms);
      stats_.exemplars.Add(piece.exemplars);
      return true;
    }
    if (!IsRetryable(options_, answer.status)) {
      stats_.given_up_requests.Add();
      stats_.given_up_samples.Add(piece.samples + piece.histograms);
      OPS_LOG_EVERY(60, kError, "forward: {}: answered {}: {}; {} samples are given up",
                    options_.id(), answer.status, answer.text, piece.samples + piece.histograms);
      return true;
    }
    if (!Pause(0)) return false;
    away = true;
    Show();  // How far behind; it grows while the receiver is away.
    stats_.retries.Add();
    OPS_LOG_EVERY(60, kWarn, "forward: {}: answered {}: {}; tried again", options_.id(),
                  answer.status, answer.text);
    const std::int64_t wait_ms =
        answer.retry_after_s > 0
            ? std::min(answer.retry_after_s, kRetryAfterMaxS) * kMsPerSecond
            : backoff_ms / 2 + static_cast<std::int64_t>(
                                   random_.Below(static_cast<std::uint64_t>(backoff_ms / 2 + 1)));
    if (!Pause(wait_ms)) return false;
    backoff_ms = std::min(2 * backoff_ms, options_.backoff_max_ms);
    Hold();
  }
}

bool Forwarder::Remember(const ForwardMark& mark) {
  const Status put = marks_.Put(KeyOf(options_), EncodeMark(mark));
  remembered_at_ms_ = Clock::System().SteadyMs();
  if (put) {
    remembered_ = mark;
    return true;
  }
  OPS_LOG_EVERY(60, kError,
                "forward: {}: its position cannot be kept: {}; nothing is sent until "
                "it can",
                options_.id(), put.error().message);
  return false;
}

void Forwarder::Show() {
  const WalFeed::Losses& losses = feed_->losses();
  stats_.trimmed_batches.Set(static_cast<double>(losses.trimmed_batches));
  stats_.corrupt_batches.Set(static_cast<double>(losses.corrupt_batches));
  stats_.unknown_layout_samples.Set(static_cast<double>(losses.unknown_layout_samples));
  const WalPosition at = feed_->mark().position;
  const WalPosition last = tap_.LastPosition();
  stats_.position.Set(static_cast<double>(at));
  stats_.behind_batches.Set(static_cast<double>(last > at ? last - at : 0));
}

void Forwarder::AddMetrics(Registry& registry) const {
  const Labels labels{{"receiver", options_.id()}};
  const auto count = [&](const char* name, const char* help, const Counter& value) {
    registry.Add(std::string("opssight_forward_") + name + "_total", help, value, labels);
  };
  const auto level = [&](const char* name, const char* help, const Gauge& value) {
    registry.Add(std::string("opssight_forward_") + name, help, value, labels);
  };
  count("requests", "Requests that the receiver acknowledged.", stats_.requests);
  count("bytes", "Their bytes, compressed.", stats_.bytes);
  count("samples", "Samples in them.", stats_.samples);
  count("histograms", "Native histograms in them.", stats_.histograms);
  count("exemplars", "Exemplars in them.", stats_.exemplars);
  count("retries", "Requests sent again.", stats_.retries);
  count("given_up_requests", "Requests that the receiver refused for good.",
        stats_.given_up_requests);
  count("given_up_samples", "Samples and native histograms in them.", stats_.given_up_samples);
  count("new_wals", "Starts that found a new wal, and began with what came from then on.",
        stats_.new_wals);
  level("trimmed_batches", "Batches that left the wal unsent, since the start.",
        stats_.trimmed_batches);
  level("corrupt_batches", "Batches that could not be read, since the start.",
        stats_.corrupt_batches);
  level("unknown_layout_samples", "Samples without their labels, since the start.",
        stats_.unknown_layout_samples);
  level("position", "Entry of the wal that was sent last.", stats_.position);
  level("behind_batches", "Batches not sent yet.", stats_.behind_batches);
}

}  // namespace opssight
