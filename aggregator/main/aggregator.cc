#include "aggregator/main/aggregator.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "aggregator/enrol/ca_files.h"
#include "aggregator/forward/forwarder.h"
#include "aggregator/ingest/ingest_server.h"
#include "aggregator/inputs/otlp_input.h"
#include "aggregator/inputs/remote_write.h"
#include "aggregator/main/enrolment_parts.h"
#include "aggregator/main/own_metrics.h"
#include "aggregator/main/server_info.h"
#include "aggregator/serve/service.h"
#include "aggregator/store/flush_policy.h"
#include "aggregator/store/gaps/gaps_store.h"
#include "aggregator/store/logs/logs_store.h"
#include "aggregator/store/metrics/metrics_admin.h"
#include "aggregator/store/metrics/metrics_store.h"
#include "aggregator/store/rollup/rolled_source.h"
#include "aggregator/store/rollup/rollup_store.h"
#include "aggregator/store/spans/spans_store.h"
#include "aggregator/store/store.h"
#include "aggregator/targets/agent_targets.h"
#include "common/app/program_pages.h"
#include "common/base/dir_lock.h"
#include "common/base/files.h"
#include "common/base/log.h"
#include "common/http/server.h"
#include "common/net/loop.h"
#include "common/net/timer.h"
#include "common/net/tls.h"
#include "common/selfmon/build_info.h"
#include "common/selfmon/process_metrics.h"
#include "common/selfmon/reload_state.h"

namespace opssight {
namespace {

constexpr std::int64_t kHttpStopMs = 5'000;
constexpr std::int64_t kIngestStopMs = 2'000;
constexpr std::int64_t kIngestStopLookMs = 10;
constexpr std::int64_t kCertificateLookMs = 3'600'000;
constexpr std::int64_t kCertificateRetryMs = 5'000;

class Running final : public Aggregator {
 public:
  Running(AggregatorConfig config, Clock& clock, std::function<Status()> reload)
      : config_(std::move(config)),
        clock_(clock),
        reload_(std::move(reload)),
        reload_state_(clock.WallMs()),
        targets_(clock, {}) {}
  ~Running() override { Stop(); }

  Status Start();
  void Stop() override;
  Status Reload() override;
  std::string http_address() const override { return http_address_; }
  std::string agents_address() const override { return agents_address_; }

 private:
  Status OpenStores();
  Status OpenForwarders();
  Status OpenHttp();
  void DescribeServer();
  Status OpenIngest();
  Result<std::shared_ptr<TlsContext>> HttpTls() const;
  Result<std::shared_ptr<TlsContext>> AgentsTls(std::string* certificate_pem) const;
  void RenewServerCertificate();
  void LookAtCertificateIn(std::int64_t ms);
  void NameMetrics();
  void StopIngest();

  const AggregatorConfig config_;
  Clock& clock_;
  const std::function<Status()> reload_;
  bool stopped_ = false;
  ReloadState reload_state_;
  std::atomic<std::int64_t> reload_ms_{0};
  std::uint64_t replay_entries_ = 0;   // Of the wal at the start,
  std::atomic<bool> replayed_{false};  // all read back.
  ServerInfo server_info_;
  std::string http_address_;
  std::string agents_address_;

  DirLock lock_;  // Before all that writes there.
  Registry registry_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<RollupStore> rollups_;
  std::unique_ptr<MetricsStore> metrics_;
  std::unique_ptr<RolledSource> series_;
  std::unique_ptr<LogsStore> logs_;
  std::unique_ptr<SpansStore> spans_;
  std::unique_ptr<GapsStore> gaps_;
  EnrolmentParts enrolment_;
  std::vector<std::unique_ptr<Forwarder>> forwarders_;
  AgentTargets targets_;
  std::unique_ptr<MetricsStoreAdmin> admin_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<RemoteWrite> remote_write_;
  std::unique_ptr<OtlpInput> otlp_;
  std::unique_ptr<Loop> http_loop_;
  std::unique_ptr<HttpServer> http_;
  std::shared_ptr<const HttpMetrics> http_metrics_;
  IngestStats ingest_stats_;
  std::unique_ptr<Loop> ingest_loop_;
  std::unique_ptr<IngestServer> ingest_;
  std::unique_ptr<Timer> certificate_timer_;
  std::unique_ptr<Timer> unmap_timer_;
  std::unique_ptr<Timer> stop_timer_;
  std::string server_certificate_;  // The ingest loop's.
};

Status Running::OpenStores() {
  OPS_TRY(lock_, DirLock::Take(config_.data_dir));
  StoreOptions options = config_.store;
  options.clock = &clock_;
  options.batch_limits = config_.ingest.limits;  // What ingest took, replay must take.
  OPS_TRY(store_, Store::Open(std::move(options)));
  replay_entries_ = store_->stats().wal_entries;
  MetricsOptions metrics = config_.metrics;
  metrics.meta = store_->meta();
  metrics.spare_bytes = [this] { return SpareBytes(config_.store); };
  RollupOptions rollups = config_.rollups;
  rollups.spare_bytes = metrics.spare_bytes;
  rollups_ = std::make_unique<RollupStore>(std::move(rollups));
  OPS_RETURN_IF_ERROR(rollups_->Open());
  metrics_ = std::make_unique<MetricsStore>(std::move(metrics), store_->layouts());
  metrics_->AddDayJob(*rollups_);
  series_ = std::make_unique<RolledSource>(*metrics_, *rollups_);
  logs_ = std::make_unique<LogsStore>(config_.logs);
  spans_ = std::make_unique<SpansStore>(config_.spans);
  gaps_ = std::make_unique<GapsStore>(config_.gaps);
  OPS_TRY(enrolment_, OpenEnrolment(config_, store_->meta(), clock_));
  return {};
}

// Before the store starts: what a receiver has not got yet must stay in the wal.
Status Running::OpenForwarders() {
  if (config_.forward.empty()) return {};
  OPS_TRY(const MetaTable marks, MetaTable::Open(store_->meta(), "forward"));
  std::set<std::string> ids;
  for (const ForwardOptions& options : config_.forward) {
    if (!ids.insert(options.id()).second) {
      return Invalid("remote_write: two receivers are called " + options.id());
    }
    OPS_TRY(auto forwarder,
            Forwarder::Open(options, *store_, store_->layouts(), marks, MakePost(options)));
    forwarders_.push_back(std::move(forwarder));
  }
  return {};
}

void Running::NameMetrics() {
  AddBuildInfo(registry_);
  AddProcessMetrics(registry_);
  AddReloadMetrics(registry_, reload_state_);
  AddStoreMetrics(registry_, store_->stats());
  AddSignalMetrics(registry_, StoreSignal::kMetrics, *metrics_);
  AddSignalMetrics(registry_, StoreSignal::kLogs, *logs_);
  AddSignalMetrics(registry_, StoreSignal::kSpans, *spans_);
  AddSignalMetrics(registry_, StoreSignal::kGaps, *gaps_);
  AddSeriesMetrics(registry_, *metrics_);
  AddRollupMetrics(registry_, *rollups_, *series_);
  AddIngestMetrics(registry_, ingest_stats_);
  AddEnrolMetrics(registry_, enrolment_.registry->stats());
  AddTargetsMetrics(registry_, targets_);
  AddServeMetrics(registry_, *service_);
  AddHttpMetrics(registry_, *http_metrics_);
  remote_write_->AddMetrics(registry_);
  otlp_->AddMetrics(registry_);
  for (const auto& forwarder : forwarders_) forwarder->AddMetrics(registry_);
}

Result<std::shared_ptr<TlsContext>> Running::HttpTls() const {
  if (config_.listen.tls_certificate.empty()) return std::shared_ptr<TlsContext>();
  constexpr std::size_t kPemBytesMax = 1UL << 20;
  TlsOptions tls{.server = true, .alpn = {"h2", "http/1.1"}};
  OPS_TRY(tls.certificate_pem, ReadFile(config_.listen.tls_certificate, kPemBytesMax));
  OPS_TRY(tls.key_pem, ReadFile(config_.listen.tls_key, kPemBytesMax));
  return TlsContext::Make(std::move(tls));
}

Status Running::Reload() {
  if (!reload_) return Unavailable("this program cannot read its settings anew");
  const Status status = reload_();
  const std::int64_t now_ms = clock_.WallMs();
  reload_state_.Tell(status.has_value(), now_ms);
  reload_ms_.store(now_ms);
  return status;
}

void Running::DescribeServer() {
  server_info_ = MakeServerInfo(config_, clock_.WallMs());
  server_info_.reload_ok = [this] { return reload_state_.ok(); };
  server_info_.config_ms = [this] { return reload_state_.success_ms(); };
  server_info_.reload_ms = [this] { return reload_ms_.load(); };
  server_info_.own_metrics = [this] { return registry_.PrometheusText(); };
  server_info_.days = [this] { return StoredDays(metrics_->Days()); };
  server_info_.wal_replay = [this] {
    const std::uint64_t done =
        replayed_.load() ? replay_entries_ : store_->stats().replayed_batches.load();
    return WalReplay{.entries = replay_entries_, .done = std::min(done, replay_entries_)};
  };
  server_info_.corruptions = [this] { return metrics_->corrupt_blocks() + metrics_->bad_days(); };
}

Status Running::OpenHttp() {
  DescribeServer();
  admin_ = std::make_unique<MetricsStoreAdmin>(
      *metrics_, clock_,
      MetricsAdminOptions{
          .snapshots_dir = config_.data_dir + "/snapshots",
          .flush = [this] { return store_->FlushNow(); },
          .delete_derived =
              [this](const std::vector<Matcher>& matchers, std::int64_t from_ms,
                     std::int64_t to_ms) { return rollups_->Delete(matchers, from_ms, to_ms); },
          .snapshot_derived =
              [this](const std::string& dir) { return rollups_->SnapshotInto(dir); },
          .seed = static_cast<std::uint64_t>(clock_.WallNs())});
  api_ = std::make_unique<Api>(ApiSources{.prometheus = {.series = *series_,
                                                         .exemplars = &metrics_->exemplars(),
                                                         .metadata = &metrics_->metadata(),
                                                         .targets = &targets_,
                                                         .tsdb = metrics_.get(),
                                                         .admin = admin_.get(),
                                                         .server = &server_info_},
                                          .lines = *logs_,
                                          .spans = *spans_,
                                          .gaps = *gaps_},
                               config_.query.api, clock_);
  service_ = std::make_unique<Service>(*api_, registry_,
                                       ServeOptions{.query_threads = config_.query.concurrency,
                                                    .query_timeout_ms = config_.query.timeout_ms},
                                       clock_, [this] { return Reload(); });
  remote_write_ = std::make_unique<RemoteWrite>(config_.remote_write, *store_, clock_);
  otlp_ = std::make_unique<OtlpInput>(config_.otlp, *store_, clock_, config_.ingest.limits);
  OPS_TRY(const Address address, ParseAddress(config_.listen.address));
  OPS_TRY(const std::shared_ptr<TlsContext> tls, HttpTls());
  std::vector<HttpServer::Port> ports = {{.address = address, .tls = tls}};
  for (const std::uint16_t alias : config_.listen.aliases) {
    ports.push_back({.address = {address.host, alias}, .tls = tls});
  }
  http_loop_ = std::make_unique<Loop>("http");
  Status status;
  http_loop_->RunSync([&] {
    auto server = HttpServer::Open(
        *http_loop_, ports, {},
        [this](HttpRequest request, std::shared_ptr<Responder> responder) {
          if (request.path == RemoteWrite::kPath) {
            return remote_write_->Handle(std::move(request), std::move(responder));
          }
          if (OtlpInput::Takes(request)) {
            return otlp_->Handle(std::move(request), std::move(responder));
          }
          service_->Handle(std::move(request), std::move(responder));
        },
        clock_);
    if (!server) {
      status = std::move(server).error();
      return;
    }
    http_ = *std::move(server);
    http_metrics_ = http_->metrics();
    http_address_ = Address{address.host, http_->port()}.ToString();
  });
  return status;
}

Result<std::shared_ptr<TlsContext>> Running::AgentsTls(std::string* certificate_pem) const {
  OPS_TRY(const KeyAndCertificate server,
          LoadOrMakeServerCertificate(PkiDir(config_), enrolment_.ca, AgentNames(config_),
                                      config_.agents.ca, clock_.WallNs() / kNsPerSecond));
  *certificate_pem = server.certificate_pem;
  // With the CA in the chain, for hosts that know it by its pin only.
  return TlsContext::Make(
      {.server = true,
       .certificate_pem = server.certificate_pem + enrolment_.ca.certificate_pem,
       .key_pem = server.key_pem,
       .ca_pem = enrolment_.ca.certificate_pem,
       .client_certificate = ClientCertificate::kRequest,
       .tls13_only = true});
}

Status Running::OpenIngest() {
  if (config_.agents.listen.empty()) return {};
  IngestServerOptions options;
  OPS_TRY(options.listen, ParseAddress(config_.agents.listen));
  options.session = config_.ingest;
  OPS_TRY(std::shared_ptr<TlsContext> tls, AgentsTls(&server_certificate_));
  ingest_loop_ = std::make_unique<Loop>("ingest");
  Status status;
  ingest_loop_->RunSync([&] {
    auto server =
        IngestServer::Open(*ingest_loop_, options, std::move(tls),
                           {.acceptor = *store_,
                            .authority = *enrolment_.registry,
                            .clock = clock_,
                            .stats = ingest_stats_,
                            .on_end = {},
                            .on_targets = [this](const std::string& agent_id,
                                                 std::int64_t created_ms, const auto& targets) {
                              targets_.Tell(agent_id, created_ms, targets);
                            }});
    if (!server) {
      status = std::move(server).error();
      return;
    }
    ingest_ = *std::move(server);
    agents_address_ = Address{options.listen.host, ingest_->port()}.ToString();
    certificate_timer_ = std::make_unique<Timer>(*ingest_loop_);
    LookAtCertificateIn(kCertificateLookMs);
    unmap_timer_ = std::make_unique<Timer>(*ingest_loop_);
    unmap_timer_->Start(kUnmapAfterMs, kUnmapEveryMs, [] { UnmapProgramPages(); });
  });
  return status;
}

void Running::LookAtCertificateIn(std::int64_t ms) {
  certificate_timer_->Start(ms, 0, [this] { RenewServerCertificate(); });
}

// On the ingest loop. A year's certificate is made anew in its last third. Tried again
// soon where that fails: ReplaceTls may have left agents without a listener.
void Running::RenewServerCertificate() {
  std::string certificate;
  auto tls = AgentsTls(&certificate);
  Status status = tls ? Status() : Status(tls.error());
  if (status && certificate == server_certificate_) return LookAtCertificateIn(kCertificateLookMs);
  if (status) status = ingest_->ReplaceTls(*std::move(tls));
  if (status) {
    server_certificate_ = std::move(certificate);
    OPS_LOG(kInfo, "pki: agents now see a new server certificate");
  } else {
    OPS_LOG_EVERY(60, kError, "pki: the server certificate for agents: {}; tried again in {} s",
                  status.error().message, kCertificateRetryMs / kMsPerSecond);
  }
  LookAtCertificateIn(status ? kCertificateLookMs : kCertificateRetryMs);
}

Status Running::Start() {
  OPS_RETURN_IF_ERROR(OpenStores());
  OPS_RETURN_IF_ERROR(OpenForwarders());
  // HTTP first: while the wal is read back it says that it is alive and not ready.
  OPS_RETURN_IF_ERROR(OpenHttp());
  NameMetrics();
  OPS_RETURN_IF_ERROR(store_->Start({{StoreSignal::kMetrics, metrics_.get()},
                                     {StoreSignal::kLogs, logs_.get()},
                                     {StoreSignal::kSpans, spans_.get()},
                                     {StoreSignal::kGaps, gaps_.get()}}));
  replayed_.store(true);
  for (const auto& forwarder : forwarders_) forwarder->Start();
  OPS_RETURN_IF_ERROR(OpenIngest());
  service_->SetReady();
  return {};
}

// The agents' Byes go out before their connections end, so that they come back at once
// and not after a pause as from a crash.
void Running::StopIngest() {
  std::promise<void> ended;
  ingest_loop_->RunSync([&] {
    certificate_timer_.reset();
    unmap_timer_.reset();
    if (ingest_ != nullptr) ingest_->Stop("the aggregator stops");
    stop_timer_ = std::make_unique<Timer>(*ingest_loop_);
    stop_timer_->Start(0, kIngestStopLookMs, [&, left = kIngestStopMs]() mutable {
      if (ingest_ != nullptr && ingest_->connections() != 0 && (left -= kIngestStopLookMs) > 0) {
        return;
      }
      ingest_.reset();
      std::promise<void>& done = ended;
      stop_timer_.reset();
      done.set_value();
    });
  });
  ended.get_future().wait();
}

void Running::Stop() {
  if (std::exchange(stopped_, true)) return;
  if (ingest_loop_ != nullptr) StopIngest();
  if (http_ != nullptr) {
    std::promise<void> closed;
    http_loop_->RunSync([&] {
      http_->Stop(kHttpStopMs, [&] {
        http_.reset();
        closed.set_value();
      });
    });
    service_->Stop();
    remote_write_->Stop();
    closed.get_future().wait();
  }
  for (const auto& forwarder : forwarders_) forwarder->Stop();
  if (store_ != nullptr) store_->Stop();
  // After the store: its last answers to sessions and requests are posted there.
  if (otlp_ != nullptr) otlp_->End();
  if (ingest_loop_ != nullptr) ingest_loop_->Stop();
  if (http_loop_ != nullptr) http_loop_->Stop();
}

}  // namespace

Result<std::unique_ptr<Aggregator>> Aggregator::Start(AggregatorConfig config, Clock& clock,
                                                      std::function<Status()> reload) {
  auto running = std::make_unique<Running>(std::move(config), clock, std::move(reload));
  OPS_RETURN_IF_ERROR(running->Start());
  return std::unique_ptr<Aggregator>(std::move(running));
}

}  // namespace opssight
