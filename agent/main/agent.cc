#include "agent/main/agent.h"

#include <algorithm>
#include <filesystem>
#include <future>
#include <system_error>
#include <utility>
#include <vector>

#include "agent/batch/batcher.h"
#include "agent/collect/host_collector.h"
#include "agent/container/own_container.h"
#include "agent/main/own_metrics.h"
#include "agent/otlp/receiver.h"
#include "agent/scrape/scraper.h"
#include "agent/ship/shipper.h"
#include "agent/spool/spool.h"
#include "agent/tail/tail_loop.h"
#include "common/app/program_pages.h"
#include "common/base/dir_lock.h"
#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/random.h"
#include "common/bytes/endian.h"
#include "common/bytes/hash.h"
#include "common/codec/http/headers.h"
#include "common/http/server.h"
#include "common/model/targets.h"
#include "common/net/loop.h"
#include "common/net/timer.h"
#include "common/net/tls.h"
#include "common/pki/secret.h"
#include "common/selfmon/build_info.h"
#include "common/selfmon/process_metrics.h"

namespace opssight {
namespace {

// The applications of one host; what else they may cost is otlp.*.
constexpr std::size_t kOtlpConnectionsMax = 512;
// Longer and an operator who mended the aggregator waits for it; 5,000 agents within it
// are 250 handshakes a second.
constexpr std::int64_t kRetryMaxMs = 20'000;

constexpr std::int64_t kHttpStopMs = 2'000;
constexpr std::size_t kProcBytesMax = 4UL << 20;

Random SeededRandom() {
  std::string seed = RandomBytes(8);
  return Random(LoadLe<std::uint64_t>(seed.data()));
}

class Running final : public Agent {
 public:
  Running(AgentConfig config, Identity identity, Clock& clock, const ReloadState& reload,
          ScrapeMemory& memory)
      : config_(std::move(config)),
        identity_(std::move(identity)),
        clock_(clock),
        reload_(reload),
        scrape_memory_(memory),
        random_(SeededRandom()),
        own_frame_(std::vector<Label>{{"host", config_.host}, {"job", "opssight-agent"}}) {}
  ~Running() override { Stop(); }

  Status Start();
  bool failing() const override { return batcher_ != nullptr && batcher_->failing(); }
  void Stop() override;

 private:
  Status OpenSpool();
  Status StartShipping() OPS_REQUIRES(loop_);
  Status StartSources() OPS_REQUIRES(loop_);
  Status StartOtlp() OPS_REQUIRES(loop_);
  void StopHttp();
  void Round() OPS_REQUIRES(loop_);
  void Answer(HttpRequest request, std::shared_ptr<Responder> responder);
  HttpResponse AnswerTargets(const HttpRequest& request) const;
  Result<std::shared_ptr<TlsContext>> Tls() const;
  std::optional<std::string> Renewal();
  void Renewed(const session::Enrolled& enrolled);
  void NameMetrics();

  const AgentConfig config_;
  Identity identity_;
  Clock& clock_;
  const ReloadState& reload_;
  ScrapeMemory& scrape_memory_;
  Random random_;
  double renew_chance_ = 0;
  std::string next_key_;  // Of the certificate asked for.
  bool stopped_ = false;

  DirLock lock_;  // Before all that writes there.
  Registry registry_;
  FrameBuilder own_frame_;
  ShipStats ship_stats_;
  std::unique_ptr<Spool> spool_;
  Loop loop_{"agent"};
  std::unique_ptr<Batcher> batcher_;
  std::unique_ptr<Shipper> shipper_;
  std::unique_ptr<HostCollector> collector_;
  std::unique_ptr<Timer> collect_timer_;
  std::unique_ptr<Timer> unmap_timer_;
  std::unique_ptr<TailLoop> tail_;
  std::unique_ptr<Scraper> scraper_;
  std::unique_ptr<OtlpReceiver> otlp_;
  std::unique_ptr<HttpServer> http_;
  std::shared_ptr<const HttpMetrics> http_metrics_;
};

Status Running::OpenSpool() {
  OPS_TRY(lock_, DirLock::Take(config_.data_dir));
  SpoolOptions spool = config_.spool;
  // As much as may be in memory (BatchOptions), packed, and the pages that go with it.
  spool.reserve_bytes = config_.batch.pending_bytes_max + config_.batch.channel_bytes_max;
  OPS_TRY(spool_, Spool::Open(spool, clock_));
  return {};
}

Result<std::shared_ptr<TlsContext>> Running::Tls() const {
  return TlsContext::Make({.certificate_pem = identity_.certificate_pem,
                           .key_pem = identity_.key_pem,
                           .ca_pem = identity_.ca_pem,
                           .tls13_only = true});
}

std::optional<std::string> Running::Renewal() {
  if (clock_.WallNs() / kNsPerSecond < RenewAtS(identity_.info.validity, renew_chance_)) return {};
  auto key = MakeKey();
  if (!key) return {};
  next_key_ = *std::move(key);
  auto csr = MakeCsr(next_key_, "opssight-agent");
  if (!csr) return {};
  return *std::move(csr);
}

void Running::Renewed(const session::Enrolled& enrolled) {
  Identity next{.aggregator = identity_.aggregator,
                .key_pem = next_key_,
                .certificate_pem = enrolled.certificate_pem,
                .ca_pem = enrolled.ca_pem};
  Status status = SaveIdentity(config_.data_dir, next);
  if (status) {
    auto saved = LoadIdentity(config_.data_dir);
    status = saved ? Status() : Status(saved.error());
    if (saved) identity_ = *std::move(saved);
  }
  auto tls = status ? Tls() : Result<std::shared_ptr<TlsContext>>(status.error());
  if (!tls) {
    OPS_LOG(kError, "identity: the new certificate: {}; the old one stays, asked again in a minute",
            tls.error().message);
    return;
  }
  renew_chance_ = random_.Unit();
  shipper_->SetTls(*std::move(tls));
  OPS_LOG(kInfo, "identity: certificate renewed");
}

Status Running::StartShipping() {
  OPS_TRY(const Address address,
          ParseAddress(config_.aggregator.empty() ? identity_.aggregator : config_.aggregator));
  OPS_TRY(const std::string fingerprint, ThisMachine(config_.host_root, config_.data_dir));
  ShipperOptions options{.aggregator = address, .server_name = {}, .session = config_.ship};
  options.retry_max_ms = kRetryMaxMs;
  options.session.agent_id = identity_.info.common_name;
  options.session.host = config_.host;
  options.session.agent_version = ThisBuild().version;
  std::copy(fingerprint.begin(), fingerprint.end(), options.session.fingerprint.begin());
  OPS_TRY(std::shared_ptr<TlsContext> tls, Tls());
  renew_chance_ = random_.Unit();
  shipper_ = std::make_unique<Shipper>(
      loop_, std::move(options), std::move(tls), *spool_, ship_stats_, SeededRandom(),
      ShipperHooks{.renewal = [this] { return Renewal(); },
                   .on_renewed = [this](const session::Enrolled& e) { Renewed(e); }});
  batcher_->OnSpooled([this] { shipper_->OnSpooled(); });
  shipper_->Start();
  return {};
}

void Running::Round() {
  const std::int64_t now_ms = clock_.WallMs();
  collector_->Collect(now_ms, *batcher_);
  own_frame_.Begin();
  registry_.Fill(own_frame_);
  batcher_->AcceptMetrics(own_frame_.End(now_ms));
}

// As the aggregator answers it for all agents, and as of now.
HttpResponse Running::AnswerTargets(const HttpRequest& request) const {
  const TargetsSnapshot targets = scraper_ == nullptr ? TargetsSnapshot{} : scraper_->Targets();
  const std::string state = AsciiLower(request.Param("state"));
  JsonWriter json;
  json.Open('{').Key("status").String("success").Key("data");
  WriteTargets(PoolsOf(targets), MakeTargetsFilter(state, request.Param("scrapePool")), json);
  return {.status = 200,
          .headers = {{"content-type", "application/json"}},
          .body = json.Close('}').Take()};
}

void Running::Answer(HttpRequest request, std::shared_ptr<Responder> responder) {
  if (request.path == "/metrics") {
    return responder->Send({.status = 200,
                            .headers = {{"content-type", std::string(Registry::kContentType)}},
                            .body = registry_.PrometheusText()});
  }
  if (request.path == "/api/v1/targets") return responder->Send(AnswerTargets(request));
  otlp_->Handle(request, [responder](HttpResponse answer) { responder->Send(std::move(answer)); });
}

Status Running::StartOtlp() {
  std::vector<HttpServer::Port> ports;
  for (const std::string& listen : {config_.otlp.grpc_listen, config_.otlp.http_listen}) {
    if (listen.empty()) continue;
    OPS_TRY(Address address, ParseAddress(listen));
    ports.push_back({.address = std::move(address), .tls = nullptr});
  }
  otlp_ = std::make_unique<OtlpReceiver>(loop_, config_.otlp.service, *batcher_, clock_);
  if (ports.empty()) return {};
  auto server = HttpServer::Open(
      loop_, ports,
      {.body_bytes_max = config_.otlp.service.body_bytes_max,
       .bodies_bytes_max = config_.otlp.service.body_bytes_max,
       .requests_max = config_.otlp.service.pending_max,
       .connections_max = kOtlpConnectionsMax},
      [this](HttpRequest request, std::shared_ptr<Responder> responder) {
        Answer(std::move(request), std::move(responder));
      },
      clock_);
  if (!server) return std::move(server).error().At("otlp");
  http_ = *std::move(server);
  http_metrics_ = http_->metrics();
  OPS_LOG(kInfo, "otlp: listening on {} (gRPC) and {} (HTTP)",
          config_.otlp.grpc_listen.empty() ? "nothing" : config_.otlp.grpc_listen,
          config_.otlp.http_listen.empty() ? "nothing" : config_.otlp.http_listen);
  return {};
}

Status Running::StartSources() {
  OPS_RETURN_IF_ERROR(StartOtlp());
  TailOptions tail = config_.tail;
  tail.own_container_id =
      OwnContainerId(ReadFile("/proc/self/cgroup", kProcBytesMax).value_or(""),
                     ReadFile("/proc/self/mountinfo", kProcBytesMax).value_or(""));
  OPS_TRY(tail_, TailLoop::Start(loop_, clock_, std::move(tail), *batcher_, *spool_));
  // With no job left, what was scraped before is still to end.
  if (!config_.scrape_configs.empty() || !scrape_memory_.empty()) {
    OPS_TRY(scraper_, Scraper::Start(loop_, clock_, config_.scrape, config_.scrape_configs,
                                     Hash64(config_.host), *batcher_, scrape_memory_));
  }
  collector_ = std::make_unique<HostCollector>(config_.collect.host);
  collect_timer_ = std::make_unique<Timer>(loop_);
  unmap_timer_ = std::make_unique<Timer>(loop_);
  return {};
}

void Running::NameMetrics() {
  AddBuildInfo(registry_);
  AddProcessMetrics(registry_);
  AddReloadMetrics(registry_, reload_);
  AddSpoolMetrics(registry_, [this] { return spool_->stats(); });
  AddBatchMetrics(registry_, [this] { return batcher_->stats(); });
  AddShipMetrics(registry_, ship_stats_);
  AddTailMetrics(registry_, tail_->stats());
  if (scraper_ != nullptr) AddScrapeMetrics(registry_, scraper_->stats());
  otlp_->stats().AddTo(registry_);
  if (http_metrics_ != nullptr) AddHttpMetrics(registry_, *http_metrics_);
}

Status Running::Start() {
  OPS_RETURN_IF_ERROR(OpenSpool());
  batcher_ = std::make_unique<Batcher>(loop_, clock_, *spool_, config_.batch);
  Status status;
  loop_.RunSync([&] {
    loop_.AssertHere();
    status = StartShipping();
    if (status) status = StartSources();
    if (!status) return;
    NameMetrics();
    collect_timer_->Start(0, config_.collect.interval_ms, [this] {
      loop_.AssertHere();
      Round();
    });
    unmap_timer_->Start(kUnmapAfterMs, kUnmapEveryMs, [] { UnmapProgramPages(); });
  });
  return status;
}

// While the batcher still writes, so that those who sent something get their answer: they
// would send it again otherwise, and points under other labels or lines be there twice.
void Running::StopHttp() {
  std::promise<void> closed;
  loop_.RunSync([&] {
    if (http_ == nullptr) return closed.set_value();
    http_->Stop(kHttpStopMs, [&] {
      http_.reset();
      closed.set_value();
    });
  });
  closed.get_future().wait();
}

void Running::Stop() {
  if (std::exchange(stopped_, true)) return;
  StopHttp();
  loop_.RunSync([this] {
    collect_timer_.reset();
    unmap_timer_.reset();
    if (scraper_ != nullptr) scrape_memory_ = scraper_->Leave();
    scraper_.reset();
    if (tail_ != nullptr) tail_->Stop();
    if (batcher_ != nullptr) batcher_->Stop();
    if (shipper_ != nullptr) shipper_->Stop();
    tail_.reset();
    otlp_.reset();
    shipper_.reset();
    batcher_.reset();
  });
  loop_.Stop();
}

}  // namespace

Result<std::unique_ptr<Agent>> Agent::Start(AgentConfig config, Identity identity, Clock& clock,
                                            const ReloadState& reload, ScrapeMemory& memory) {
  auto running =
      std::make_unique<Running>(std::move(config), std::move(identity), clock, reload, memory);
  OPS_RETURN_IF_ERROR(running->Start());
  return std::unique_ptr<Agent>(std::move(running));
}

}  // namespace opssight
