#include "tests/bench/system/fleet.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <thread>
#include <utility>

#include <fmt/core.h>

#include "agent/enrol/enrol.h"
#include "common/base/clock.h"
#include "common/bytes/hash.h"
#include "common/codec/session/frames.h"
#include "common/net/stream.h"
#include "common/net/tls.h"

namespace opssight::bench {
namespace {

constexpr std::size_t kConnectingMax = 64;
constexpr std::int64_t kTickMs = 5;

std::int64_t NowNs() {
  return Clock::System().SteadyNs();
}

session::Fingerprint MachineOf(std::size_t agent) {
  session::Fingerprint fingerprint{};
  for (std::size_t i = 0; i < 8; ++i) {
    fingerprint[i] = static_cast<std::uint8_t>(agent >> (8 * i));
  }
  return fingerprint;
}

std::string NameOf(std::size_t agent) {
  return fmt::format("bench-{}", agent);
}

// Enrolment waits for the disk of both sides: some at a time.
std::vector<Identity> EnrolAll(AggregatorProcess& aggregator, std::size_t count,
                               const std::string& dir) {
  constexpr std::size_t kThreads = 8;
  const AggregatorProcess::Token token = aggregator.MakeToken(count);
  std::vector<Identity> identities(count);
  std::atomic<std::size_t> next{0};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < std::min(kThreads, count); ++i) {
    threads.emplace_back([&] {
      for (std::size_t agent = next++; agent < count; agent = next++) {
        const std::string own = fmt::format("{}/{}", dir, agent);
        std::filesystem::create_directories(own);
        auto identity = EnrolHost({.aggregator = *ParseAddress(aggregator.agents_address()),
                                   .token = token.token,
                                   .ca_pin = token.ca_pin,
                                   .dir = own,
                                   .host = NameOf(agent),
                                   .fingerprint = MachineOf(agent)});
        if (!identity) Fail(identity.error().message);
        identities[agent] = *std::move(identity);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return identities;
}

std::shared_ptr<TlsContext> TlsOf(const Identity& identity) {
  auto tls = TlsContext::Make({.certificate_pem = identity.certificate_pem,
                               .key_pem = identity.key_pem,
                               .ca_pem = identity.ca_pem,
                               .tls13_only = true});
  if (!tls) Fail(tls.error().message);
  return *std::move(tls);
}

}  // namespace

// One agent's end of its connection. On the fleet's loop.
class Fleet::Agent final : public StreamHandler {
 public:
  Agent(Fleet& fleet, std::size_t number, std::shared_ptr<TlsContext> tls)
      : fleet_(fleet), number_(number), tls_(std::move(tls)) {}

  void Connect(const Address& address) {
    stream_ = opssight::Connect(fleet_.loop_, address, tls_, "", *this);
  }
  void Begin() { exhausted_ = done_told_ = false; }
  // As many as may be unacknowledged.
  void SendWhile(std::size_t unacked_max) {
    while (!exhausted_ && unacked_.size() < unacked_max) SendNext();
  }
  void SendNext() {
    if (exhausted_) return;
    std::optional<Outgoing> next = fleet_.load_.next(number_);
    if (!next) {
      exhausted_ = true;
      return EndIfDone();
    }
    if (!next->layout.empty()) layouts_.push_back(std::move(next->layout));
    SendLayouts();
    ++fleet_.result_.batches;
    fleet_.result_.wire_bytes += next->batch.size();
    Sent& sent = unacked_[next_seq_];
    sent.frame = std::move(next->batch);
    Write(next_seq_++, sent);
  }
  void SendDue(std::int64_t now_ns) {
    for (auto& [seq, sent] : unacked_) {
      if (sent.again_ns == 0 || sent.again_ns > now_ns) continue;
      sent.again_ns = 0;
      Write(seq, sent);
    }
  }

  void OnOpen(Stream& stream) override {
    stream.Write(session::Encode(session::Hello{.epoch = 1,
                                                .next_seq = next_seq_,
                                                .fingerprint = MachineOf(number_),
                                                .host = NameOf(number_),
                                                .agent_version = "bench"}));
  }
  void OnData(Stream&, std::string_view bytes) override {
    reader_.Feed(bytes);
    while (true) {
      auto frame = reader_.Next();
      if (!frame) Fail(frame.error().message);
      if (!*frame) return;
      OnFrame(**frame);
    }
  }
  void OnClose(Stream&, const Error& why) override {
    Fail(fmt::format("agent {}: {}", number_, why.message));
  }

 private:
  struct Sent {
    std::string frame;
    std::int64_t sent_ns = 0;
    std::int64_t again_ns = 0;  // When to send it again; 0: no.
  };

  void SendLayouts() {
    for (; layouts_sent_ < layouts_.size(); ++layouts_sent_) {
      stream_->Write(session::Encode(session::LayoutBytes{.frame = layouts_[layouts_sent_]}));
    }
  }
  void Write(std::uint64_t seq, Sent& sent) {
    sent.sent_ns = NowNs();
    std::string bytes = session::EncodeBatchHead(seq, Hash64(sent.frame), sent.frame.size());
    bytes += sent.frame;
    stream_->Write(std::move(bytes));
  }

  void OnFrame(const session::Frame& frame) {
    fleet_.loop_.AssertHere();
    if (const auto* ack = std::get_if<session::Ack>(&frame)) return OnAck(*ack);
    if (const auto* nack = std::get_if<session::Nack>(&frame)) return OnNack(*nack);
    if (const auto* welcome = std::get_if<session::Welcome>(&frame)) {
      if (welcome->epoch != 1) Fail("the aggregator gave another epoch to a new agent");
      reader_.set_frame_bytes_max(session::kFrameBytesMax);
      return fleet_.Welcomed();
    }
    if (const auto* ping = std::get_if<session::Ping>(&frame)) {
      return stream_->Write(session::Encode(session::Pong{.token = ping->token}));
    }
    if (const auto* bye = std::get_if<session::Bye>(&frame)) {
      Fail(fmt::format("agent {}: the aggregator said: {}", number_, bye->message));
    }
  }
  void OnAck(const session::Ack& ack) {
    const std::int64_t now_ns = NowNs();
    for (const session::Range& range : ack.ranges) {
      auto it = unacked_.lower_bound(range.first);
      while (it != unacked_.end() && it->first <= range.last) {
        fleet_.result_.ack_ms.push_back(static_cast<double>(now_ns - it->second.sent_ns) / 1e6);
        it = unacked_.erase(it);
      }
    }
    if (fleet_.load_.batches_per_s == 0) SendWhile(fleet_.load_.unacked_max);
    EndIfDone();
  }
  void OnNack(const session::Nack& nack) {
    const auto it = unacked_.find(nack.seq);
    if (it == unacked_.end()) return;
    switch (nack.code) {
      case session::NackCode::kUnknownLayout:
        layouts_sent_ = 0;
        SendLayouts();
        return Write(nack.seq, it->second);
      case session::NackCode::kRetry:
        ++fleet_.result_.retries;
        it->second.again_ns = NowNs() + static_cast<std::int64_t>(nack.hint) * 1'000'000;
        return;
      case session::NackCode::kOutOfOrder:
      case session::NackCode::kBadBatch:
        break;
    }
    Fail(fmt::format("agent {}: batch {} was refused: {}", number_, nack.seq, nack.message));
  }
  void EndIfDone() {
    fleet_.loop_.AssertHere();
    if (!exhausted_ || !unacked_.empty() || done_told_) return;
    done_told_ = true;
    fleet_.AgentDone();
  }

  Fleet& fleet_;
  const std::size_t number_;
  const std::shared_ptr<TlsContext> tls_;
  std::unique_ptr<Stream> stream_;
  session::FrameReader reader_{session::kGreetingBytesMax};
  std::uint64_t next_seq_ = 1;
  std::map<std::uint64_t, Sent> unacked_;
  std::vector<std::string> layouts_;
  std::size_t layouts_sent_ = 0;
  bool exhausted_ = true;
  bool done_told_ = false;
};

Fleet::Fleet(AggregatorProcess& aggregator, std::size_t agents, const std::string& dir) {
  std::vector<Identity> identities = EnrolAll(aggregator, agents, dir);
  address_ = *ParseAddress(aggregator.agents_address());
  for (std::size_t i = 0; i < agents; ++i) {
    agents_.push_back(std::make_unique<Agent>(*this, i, TlsOf(identities[i])));
  }
  std::future<void> welcomed = done_.get_future();
  loop_.RunSync([this] {
    loop_.AssertHere();
    timer_ = std::make_unique<Timer>(loop_);
    ConnectSome();
  });
  welcomed.wait();
}

Fleet::~Fleet() {
  loop_.RunSync([this] {
    timer_.reset();
    agents_.clear();
  });
  loop_.Stop();
}

void Fleet::ConnectSome() {
  while (connecting_ < agents_.size() && connecting_ - welcomed_ < kConnectingMax) {
    agents_[connecting_++]->Connect(address_);
  }
}

void Fleet::Welcomed() {
  ++welcomed_;
  ConnectSome();
  if (welcomed_ == agents_.size()) done_.set_value();
}

LoadResult Fleet::Run(Load load) {
  done_ = std::promise<void>();
  std::future<void> done = done_.get_future();
  loop_.RunSync([&] {
    loop_.AssertHere();
    load_ = std::move(load);
    result_ = {};
    turns_ = 0;
    busy_ = agents_.size();
    started_ns_ = NowNs();
    for (auto& agent : agents_) agent->Begin();
    timer_->Start(0, kTickMs, [this] {
      loop_.AssertHere();
      Tick();
    });
  });
  done.wait();
  loop_.RunSync([&] {
    timer_->Stop();
    result_.seconds = static_cast<double>(NowNs() - started_ns_) / 1e9;
  });
  std::sort(result_.ack_ms.begin(), result_.ack_ms.end());
  return std::move(result_);
}

// What became due: batches of a load with a rate, and those that were to wait.
void Fleet::Tick() {
  const std::int64_t now_ns = NowNs();
  for (auto& agent : agents_) agent->SendDue(now_ns);
  if (load_.batches_per_s == 0) {
    for (auto& agent : agents_) agent->SendWhile(load_.unacked_max);
    return;
  }
  const double due = static_cast<double>(now_ns - started_ns_) / 1e9 * load_.batches_per_s;
  for (; static_cast<double>(turns_) < due && busy_ > 0; ++turns_) {
    agents_[turns_ % agents_.size()]->SendNext();
  }
}

void Fleet::AgentDone() {
  if (--busy_ == 0) done_.set_value();
}

}  // namespace opssight::bench
