#include "agent/ship/shipper.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "common/base/log.h"

namespace opssight {
namespace {

constexpr std::int64_t kLastedMs = 5'000;      // A session this long was a good one.
constexpr int kAtOnceMax = 4;                  // Then it backs off even after a clean Bye.
constexpr std::int64_t kAtOnceJitterMs = 200;  // 1,000 agents come back after a restart.
constexpr std::int64_t kRebaseWaitMs = 20;
constexpr std::int64_t kRenewalAskMs = 60'000;
constexpr int kDoublingsMax = 20;

std::string SizeText(std::uint64_t bytes) {
  if (bytes >= 10UL << 20) return fmt::format("{} MiB", bytes >> 20);
  return fmt::format("{} KiB", (bytes + 1023) >> 10);
}

}  // namespace

Shipper::Shipper(Loop& loop, ShipperOptions options, std::shared_ptr<TlsContext> tls,
                 SpoolView& spool, ShipStats& stats, Random random, ShipperHooks hooks)
    : loop_(loop),
      options_(std::move(options)),
      hooks_(std::move(hooks)),
      spool_(spool),
      stats_(stats),
      tls_(std::move(tls)),
      random_(random),
      session_(options_.session, spool, stats),
      timer_(loop) {}

Shipper::~Shipper() = default;

void Shipper::Start() {
  loop_.AssertHere();
  stopped_ = false;
  ConnectNow();
}

void Shipper::OnSpooled() {
  loop_.AssertHere();
  if (session_.established()) Pump();
}

void Shipper::SetTls(std::shared_ptr<TlsContext> tls) {
  loop_.AssertHere();
  tls_ = std::move(tls);
  if (stream_ == nullptr) return;
  session_.Leave("new certificate");
  Pump();
}

void Shipper::Stop() {
  loop_.AssertHere();
  stopped_ = true;
  session_.Leave("stop");
  if (stream_ != nullptr) Pump();
  timer_.Stop();
  stream_.reset();  // Where it was still connecting.
}

bool Shipper::connected() const {
  loop_.AssertHere();
  return session_.established();
}

const std::string& Shipper::problem() const {
  loop_.AssertHere();
  return problem_;
}

void Shipper::ConnectNow() {
  if (stopped_ || stream_ != nullptr) return;
  if (session_.rebasing()) {
    timer_.Start(kRebaseWaitMs, 0, [this] {
      loop_.AssertHere();
      ConnectNow();
    });
    return;
  }
  greeted_ = false;
  stream_ = Connect(loop_, options_.aggregator, tls_, options_.server_name, *this, options_.stream);
}

void Shipper::OnOpen(Stream& stream) {
  loop_.AssertHere();
  if (&stream != stream_.get()) return;
  session_.Opened(loop_.now_ms());
  Pump();
}

void Shipper::OnData(Stream& stream, std::string_view bytes) {
  loop_.AssertHere();
  if (&stream != stream_.get()) return;
  session_.OnBytes(bytes, loop_.now_ms());
  Pump();
}

void Shipper::OnDrained(Stream& stream) {
  loop_.AssertHere();
  if (&stream == stream_.get()) Pump();
}

void Shipper::OnClose(Stream& stream, const Error& why) {
  loop_.AssertHere();
  if (&stream == leaving_.get()) {
    leaving_.reset();
    return;
  }
  if (&stream != stream_.get()) return;
  session_.Closed();
  stream_.reset();
  RetryAfter({.retry = End::Retry::kBackOff}, why.message);  // It names the address.
}

void Shipper::Pump() {
  if (stream_ == nullptr) return;
  const std::int64_t now_ms = loop_.now_ms();
  session_.Tick(now_ms);
  if (session_.established() && !greeted_) OnEstablished();
  if (session_.established() && now_ms >= renewal_due_ms_) AskRenewal();
  std::string bytes = session_.Produce(now_ms, stream_->pending_bytes());
  if (!bytes.empty()) stream_->Write(std::move(bytes));
  if (const auto end = session_.TakeEnd()) return EndConnection(*end);
  const std::int64_t due_ms = session_.NextDue(now_ms);
  timer_.Start(due_ms - now_ms, 0, [this] {
    loop_.AssertHere();
    Pump();
  });
  // Last: it may come back here by SetTls().
  if (const auto renewed = session_.TakeRenewed(); renewed && hooks_.on_renewed) {
    hooks_.on_renewed(*renewed);
  }
}

void Shipper::OnEstablished() {
  greeted_ = true;
  greeted_ms_ = loop_.now_ms();
  problem_.clear();
  if (stream_->resumed()) ++stats_.resumed;
  const SpoolView::Totals waiting = spool_.totals();
  OPS_LOG(kInfo, "ship: {}: connected{}; {} batches ({}) wait in the spool",
          options_.aggregator.ToString(), stream_->resumed() ? " (TLS session resumed)" : "",
          waiting.batches, SizeText(waiting.bytes));
}

void Shipper::AskRenewal() {
  renewal_due_ms_ = loop_.now_ms() + kRenewalAskMs;
  // Each CSR is of a new key: not while the answer to the last is still to come.
  if (!hooks_.renewal || !session_.may_renew()) return;
  if (auto csr = hooks_.renewal()) session_.Renew(*std::move(csr));
}

void Shipper::EndConnection(const End& end) {
  session_.Closed();
  leaving_ = std::move(stream_);
  leaving_->CloseAfterWrites();
  const std::string refused =
      end.by_aggregator ? fmt::format("refused: {}: ", ToString(end.code)) : "";
  RetryAfter(end, fmt::format("{}: {}{}", options_.aggregator.ToString(), refused, end.message));
}

std::int64_t Shipper::DelayMs(End::Retry retry) {
  if (greeted_ && loop_.now_ms() - greeted_ms_ >= kLastedMs) attempts_ = at_once_ = 0;
  if (retry == End::Retry::kAtOnce && ++at_once_ <= kAtOnceMax) {
    return static_cast<std::int64_t>(random_.Below(kAtOnceJitterMs));
  }
  std::int64_t longest = options_.retry_max_ms;
  if (retry != End::Retry::kLong) {
    longest = std::min(longest, options_.retry_min_ms << std::min(attempts_, kDoublingsMax));
    ++attempts_;
  }
  // Half of it for sure, so that many agents spread and none hurries.
  return longest / 2 +
         static_cast<std::int64_t>(random_.Unit() * static_cast<double>(longest - longest / 2));
}

void Shipper::RetryAfter(const End& end, const std::string& why) {
  if (stopped_) return timer_.Stop();
  const std::int64_t delay_ms = DelayMs(end.retry);
  greeted_ = false;
  const SpoolView::Totals waiting = spool_.totals();
  problem_ =
      fmt::format("{}; {} batches ({}) wait in the spool, next try in {:.1f} s", why,
                  waiting.batches, SizeText(waiting.bytes), static_cast<double>(delay_ms) / 1000.0);
  if (end.retry == End::Retry::kAtOnce) {
    OPS_LOG(kInfo, "ship: {}", problem_);
  } else {
    ++stats_.failures;
    if (end.retry == End::Retry::kLong) {
      OPS_LOG(kError, "ship: {}", problem_);
    } else {
      OPS_LOG(kWarn, "ship: {}", problem_);
    }
  }
  timer_.Start(delay_ms, 0, [this] {
    loop_.AssertHere();
    ConnectNow();
  });
}

}  // namespace opssight
