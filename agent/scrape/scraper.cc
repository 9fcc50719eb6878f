#include "agent/scrape/scraper.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "agent/scrape/docker_discovery.h"
#include "agent/scrape/file_discovery.h"
#include "common/base/log.h"
#include "common/config/print.h"

namespace opssight {
namespace {

constexpr std::size_t kDroppedMax = 1000;  // Kept of a job to be shown.
constexpr std::int64_t kTickMs = 1000;     // Between looks at who has left and what to tell.
// Targets are told this often, and no oftener where they change.
constexpr std::int64_t kTellMs = 60'000;
constexpr std::int64_t kTellMsMin = 5000;
constexpr std::int64_t kEarlyMsMax = 100;

// One target while it is scraped.
struct Active {
  Active(Loop& loop, std::unique_ptr<KnownTarget> of) : known(std::move(of)), timer(loop) {}

  const Target& target() const { return known->target; }

  std::unique_ptr<KnownTarget> known;
  Timer timer;
  Fetcher::Id fetch = 0;             // 0: none under way.
  std::int64_t due_ms = 0;           // Of the next scrape,
  std::int64_t missed_ms = 0;        // of one that waits for the one under way (0: none),
  std::int64_t scrape_due_ms = 0;    // of the last that began.
  std::int64_t began_ms = 0;         // Wall clock,
  std::int64_t began_steady_ns = 0;  // and the steady one.
};

struct Job {
  ScrapeJob config;
  std::shared_ptr<const SeriesRules> rules;
  Relabeler relabel;
  std::string accept;
  std::map<std::string, std::vector<TargetLabels>> found;   // By source.
  std::map<std::uint64_t, std::unique_ptr<Active>> active;  // By the target's hash.
  std::string config_yaml;
  std::vector<Labels> dropped;
  std::uint64_t dropped_count = 0;
  std::uint64_t refused = 0;  // Over targets_max.
  bool over_limit = false;    // target_limit.
  std::vector<std::unique_ptr<FileDiscovery>> files;
  std::vector<std::unique_ptr<DockerDiscovery>> dockers;
};

expo::Format FormatOfProtocol(ScrapeProtocol protocol) {
  switch (protocol) {
    case ScrapeProtocol::kProtobuf:
      return expo::Format::kProtobuf;
    case ScrapeProtocol::kOpenMetrics1:
    case ScrapeProtocol::kOpenMetrics001:
      return expo::Format::kOpenMetrics;
    case ScrapeProtocol::kText1:
    case ScrapeProtocol::kText004:
      break;
  }
  return expo::Format::kText;
}

class Running final : public Scraper {
 public:
  Running(Loop& loop, Clock& clock, ScrapeOptions options, std::uint64_t seed, Sink& sink)
      OPS_REQUIRES(loop)
      : loop_(loop),
        clock_(clock),
        options_(std::move(options)),
        seed_(seed),
        sink_(sink),
        fetcher_(loop),
        tick_timer_(loop) {}
  ~Running() override { jobs_.clear(); }  // Before the fetcher, whose calls they wait for.

  Status AddJob(ScrapeJob config);
  void Remember(ScrapeMemory& memory);
  void StartDiscovery();
  const ScrapeStats& stats() const override { return stats_; }
  TargetsSnapshot Targets() const override;
  ScrapeMemory Leave() override;

 private:
  void Found(Job& job, const std::string& source, std::vector<TargetLabels> found);
  void Sync(Job& job);
  std::map<std::uint64_t, Target> Wanted(Job& job);
  // What is known of a target that left, if its series are those of this one; else null.
  std::unique_ptr<KnownTarget> TakeKnown(const Job& job, const Target& target);
  void Begin(Job& job, const Target& target);
  void End(std::unique_ptr<Active> active);
  void Arm(Job& job, Active& active);
  void Scrape(Job& job, Active& active, std::int64_t due_ms);
  void Scraped(Active& active, const FetchResult& answer);
  void WriteLeaving();
  void Tell();
  std::size_t TargetsNow() const;

  Loop& loop_;
  Clock& clock_;
  const ScrapeOptions options_;
  const std::uint64_t seed_;
  Sink& sink_;
  ScrapeStats stats_;
  Fetcher fetcher_;
  Timer tick_timer_;
  bool changed_ = true;       // Since targets were last told.
  std::int64_t told_ms_ = 0;  // Steady; 0: never.
  ScrapeMemory leaving_;
  std::vector<std::unique_ptr<Job>> jobs_;
};

// What labels depend on, as text.
std::string RelabelText(const ScrapeJob& job) {
  const ScrapeJob only{.honor_labels = job.honor_labels,
                       .metric_relabel = job.metric_relabel,
                       .limits = {.labels = job.limits.labels,
                                  .label_name_bytes = job.limits.label_name_bytes,
                                  .label_value_bytes = job.limits.label_value_bytes}};
  return PrintConfig(ScrapeJobTable(), only, {});
}

Status Running::AddJob(ScrapeJob config) {
  loop_.AssertHere();
  auto job = std::make_unique<Job>();
  OPS_TRY(job->relabel, Relabeler::Make(config.relabel));
  SeriesRules rules{.honor_labels = config.honor_labels,
                    .honor_timestamps = config.honor_timestamps,
                    .track_timestamps_staleness = config.track_timestamps_staleness,
                    .native_histograms = config.native_histograms,
                    .classic_too = config.classic_too,
                    .extra_metrics = config.extra_metrics,
                    .relabel_text = RelabelText(config),
                    .limits = config.limits,
                    .series_max = options_.series_max,
                    .common = options_.labels};
  OPS_TRY(rules.relabel, Relabeler::Make(config.metric_relabel));
  if (!config.fallback_protocol.empty()) {
    OPS_TRY(const ScrapeProtocol fallback, ParseProtocol(config.fallback_protocol));
    rules.fallback = FormatOfProtocol(fallback);
  }
  job->rules = std::make_shared<const SeriesRules>(std::move(rules));
  job->accept = AcceptHeader(ProtocolsOf(config));
  job->config_yaml = PrintConfig(ScrapeJobTable(), config, {});
  job->config = std::move(config);
  jobs_.push_back(std::move(job));
  return {};
}

void Running::Remember(ScrapeMemory& memory) {
  leaving_ = std::exchange(memory, {});
}

ScrapeMemory Running::Leave() {
  loop_.AssertHere();
  tick_timer_.Stop();
  for (const auto& job : jobs_) {
    job->files.clear();
    job->dockers.clear();
    for (auto& [hash, active] : job->active) End(std::move(active));
    job->active.clear();
  }
  return std::exchange(leaving_, {});
}

void Running::StartDiscovery() {
  loop_.AssertHere();
  tick_timer_.Start(kTickMs, kTickMs, [this] {
    WriteLeaving();
    Tell();
  });
  const auto failed = [this] { ++stats_.discovery_failed; };
  for (const auto& owned : jobs_) {
    Job* job = owned.get();
    std::vector<TargetLabels> fixed;
    for (const StaticTargets& group : job->config.static_targets) {
      for (TargetLabels& target : TargetsOf(group)) fixed.push_back(std::move(target));
    }
    if (!fixed.empty()) Found(*job, "static", std::move(fixed));
    std::size_t number = 0;
    const auto next_source = [this, job, &number] {
      const std::string prefix = std::to_string(number++) + ":";
      return [this, job, prefix](const std::string& source, std::vector<TargetLabels> found) {
        Found(*job, prefix + source, std::move(found));
      };
    };
    for (const FileDiscoveryOptions& files : job->config.files) {
      job->files.push_back(std::make_unique<FileDiscovery>(loop_, files, next_source(), failed));
      job->files.back()->Start();
    }
    for (const DockerDiscoveryOptions& docker : job->config.docker) {
      job->dockers.push_back(
          std::make_unique<DockerDiscovery>(loop_, fetcher_, docker, next_source(), failed));
      job->dockers.back()->Start();
    }
  }
}

void Running::Found(Job& job, const std::string& source, std::vector<TargetLabels> found) {
  if (found.empty()) {
    job.found.erase(source);
  } else {
    job.found.insert_or_assign(source, std::move(found));
  }
  Sync(job);
}

std::size_t Running::TargetsNow() const {
  std::size_t count = 0;
  for (const auto& job : jobs_) count += job->active.size();
  return count;
}

// What the job is to scrape by what was found; the same target twice counts once.
std::map<std::uint64_t, Target> Running::Wanted(Job& job) {
  std::map<std::uint64_t, Target> wanted;
  job.dropped.clear();
  job.dropped_count = 0;
  const std::size_t dropped_max = job.config.keep_dropped == 0
                                      ? kDroppedMax
                                      : std::min<std::size_t>(job.config.keep_dropped, kDroppedMax);
  for (const auto& [source, list] : job.found) {
    for (const TargetLabels& found : list) {
      Result<std::optional<Target>> target = MakeTarget(job.config, options_, job.relabel, found);
      if (!target) {
        ++stats_.discovery_failed;
        OPS_LOG_EVERY(60, kWarn, "scrape: {}: a target of {}: {}; it is left out",
                      job.config.job_name, source, target.error().message);
      } else if (*target) {
        wanted.emplace((**target).hash, std::move(**target));
      } else if (++job.dropped_count <= dropped_max) {
        job.dropped.emplace_back(DiscoveredLabels(job.config, options_, found));
      }
    }
  }
  job.over_limit = job.config.limits.targets != 0 && wanted.size() > job.config.limits.targets;
  return wanted;
}

void Running::Sync(Job& job) {
  changed_ = true;
  std::map<std::uint64_t, Target> wanted = Wanted(job);
  for (auto it = job.active.begin(); it != job.active.end();) {
    const auto still = wanted.find(it->first);
    if (still != wanted.end()) {
      // It is the same by what it is scraped for; what was found of it may be news.
      it->second->known->target.discovered = std::move(still->second.discovered);
      wanted.erase(still);
      ++it;
      continue;
    }
    End(std::move(it->second));
    it = job.active.erase(it);
  }
  stats_.targets_refused -= std::exchange(job.refused, 0);
  std::size_t now = TargetsNow();
  for (const auto& [hash, target] : wanted) {
    if (now >= options_.targets_max) {
      ++job.refused;
      continue;
    }
    Begin(job, target);
    ++now;
  }
  stats_.targets_refused += job.refused;
  if (job.refused != 0) {
    OPS_LOG_EVERY(60, kWarn, "scrape: {}: {} targets over scrape.targets_max; not scraped",
                  job.config.job_name, job.refused);
  }
  stats_.targets = now;
}

std::unique_ptr<KnownTarget> Running::TakeKnown(const Job& job, const Target& target) {
  const auto [begin, end] = leaving_.equal_range(target.labels.Hash());
  auto found = end;
  for (auto it = begin; it != end; ++it) {
    const Target& left = it->second.known->target;
    if (left.labels != target.labels) continue;
    found = it;
    if (left.hash == target.hash) break;
  }
  if (found == end) return nullptr;
  std::unique_ptr<KnownTarget> known = std::move(found->second.known);
  leaving_.erase(found);
  known->series.Adopt(job.rules, target, stats_, clock_.WallMs(), sink_);
  if (known->target.hash != target.hash) {  // How it went was another URL's.
    known->health = TargetHealth::kUnknown;
    known->last_error.clear();
    known->last_scrape_ms = 0;
    known->last_duration_s = 0;
  }
  known->target = target;
  return known;
}

void Running::Begin(Job& job, const Target& target) {
  const std::uint64_t hash = target.hash;
  std::unique_ptr<KnownTarget> known = TakeKnown(job, target);
  if (known == nullptr) {
    known.reset(new KnownTarget{.target = target, .series = {job.rules, target, stats_}});
  }
  auto active = std::make_unique<Active>(loop_, std::move(known));
  Active& started = *active;
  job.active.emplace(hash, std::move(active));
  Arm(job, started);
}

void Running::End(std::unique_ptr<Active> active) {
  active->timer.Stop();
  if (active->fetch != 0) fetcher_.Cancel(std::exchange(active->fetch, 0));
  const std::int64_t now_ms = clock_.WallMs();
  const std::int64_t interval_ms = active->target().interval_ms;
  const std::uint64_t hash = active->target().labels.Hash();
  leaving_.emplace(hash, LeftTarget{.known = std::move(active->known),
                                    .left_ms = now_ms,
                                    .due_ms = now_ms + 2 * interval_ms + interval_ms / 10});
}

void Running::WriteLeaving() {
  const std::int64_t now_ms = clock_.WallMs();
  for (auto it = leaving_.begin(); it != leaving_.end();) {
    if (it->second.due_ms > now_ms) {
      ++it;
      continue;
    }
    it->second.known->series.Retire(it->second.left_ms, sink_);
    it = leaving_.erase(it);
  }
}

void Running::Arm(Job& job, Active& active) {
  const std::int64_t now_ms = clock_.WallMs();
  // A timer may be early by what the loop's time lags: the same slot does not come twice.
  const std::int64_t early_ms = active.due_ms - now_ms;
  const bool early = early_ms > 0 && early_ms < kEarlyMsMax;
  active.due_ms = NextScrapeMs(active.target(), seed_, early ? active.due_ms : now_ms);
  active.timer.Start(active.due_ms - now_ms, 0, [this, &job, &active] {
    Scrape(job, active, active.due_ms);
    Arm(job, active);
  });
}

void Running::Scrape(Job& job, Active& active, std::int64_t due_ms) {
  if (active.fetch != 0) {
    // A timeout as long as the interval ends just after this: then it begins at once.
    if (std::exchange(active.missed_ms, due_ms) != 0) ++stats_.late;
    return;
  }
  active.scrape_due_ms = due_ms;
  active.began_ms = clock_.WallMs();
  active.began_steady_ns = clock_.SteadyNs();
  if (job.over_limit) {
    return Scraped(active, Unavailable(fmt::format("target_limit exceeded (limit {})",
                                                   job.config.limits.targets)));
  }
  FetchRequest request{
      .url = active.target().url,
      .headers = {{"Accept", job.accept},
                  {"User-Agent", "OpsSight-Agent"},
                  {"X-Prometheus-Scrape-Timeout-Seconds",
                   fmt::format("{}", static_cast<double>(active.target().timeout_ms) / 1e3)}},
      .timeout_ms = active.target().timeout_ms,
      .body_bytes_max = options_.body_bytes_max,
      .compression = job.config.enable_compression,
      .http = job.config.http};
  if (job.config.limits.body_bytes != 0) request.body_bytes_max = job.config.limits.body_bytes;
  const auto started =
      fetcher_.Start(std::move(request), [this, &job, &active](FetchResult answer) {
        active.fetch = 0;
        Scraped(active, answer);
        const std::int64_t missed_ms = std::exchange(active.missed_ms, 0);
        if (missed_ms != 0) Scrape(job, active, missed_ms);
      });
  if (!started) return Scraped(active, started.error());
  active.fetch = *started;
}

void Running::Scraped(Active& active, const FetchResult& answer) {
  const std::int64_t took_ns = clock_.SteadyNs() - active.began_steady_ns;
  KnownTarget& known = *active.known;
  known.last_duration_s = static_cast<double>(took_ns) / static_cast<double>(kNsPerSecond);
  known.last_scrape_ms =
      ScrapeTimeMs(active.scrape_due_ms, active.began_ms, known.target.interval_ms);
  std::string error = known.series.Scraped(
      {.time_ms = known.last_scrape_ms, .duration_s = known.last_duration_s, .answer = &answer},
      sink_);
  const TargetHealth health = error.empty() ? TargetHealth::kUp : TargetHealth::kDown;
  changed_ = changed_ || health != known.health || error != known.last_error;
  known.health = health;
  known.last_error = std::move(error);
}

TargetsSnapshot Running::Targets() const {
  TargetsSnapshot out;
  for (const auto& job : jobs_) {
    ScrapePool& pool = out.pools.emplace_back();
    pool.name = job->config.job_name;
    pool.config_yaml = job->config_yaml;
    pool.dropped = job->dropped;
    pool.dropped_count = job->dropped_count;
    for (const auto& [hash, active] : job->active) {
      const KnownTarget& known = *active->known;
      const Target& target = known.target;
      pool.active.push_back({.labels = target.labels,
                             .discovered = target.discovered,
                             .scrape_url = target.url,
                             .global_url = GlobalUrl(target.url, options_.host),
                             .health = known.health,
                             .last_error = known.last_error,
                             .last_scrape_ms = known.last_scrape_ms,
                             .last_duration_s = known.last_duration_s,
                             .interval_ms = target.interval_ms,
                             .timeout_ms = target.timeout_ms});
    }
  }
  return out;
}

// Only the newest state counts: where the disk does not keep up, none is added to the queue.
void Running::Tell() {
  const std::int64_t now_ms = clock_.SteadyMs();
  const std::int64_t due_ms = changed_ ? kTellMsMin : kTellMs;
  if ((told_ms_ != 0 && now_ms - told_ms_ < due_ms) || sink_.Congested()) return;
  TargetsSnapshot targets = Targets();
  LimitTargets(options_.told, targets);
  stats_.targets_untold = targets.left_out;
  if (targets.left_out != 0) {
    OPS_LOG_EVERY(600, kWarn,
                  "scrape: {} targets are over what is told to the aggregator; it does not list "
                  "them, they are scraped all the same",
                  targets.left_out);
  }
  sink_.AcceptTargets(std::move(targets));
  ++stats_.targets_told;
  told_ms_ = now_ms;
  changed_ = false;
}

}  // namespace

Result<std::unique_ptr<Scraper>> Scraper::Start(Loop& loop, Clock& clock, ScrapeOptions options,
                                                std::vector<ScrapeJob> jobs, std::uint64_t seed,
                                                Sink& sink, ScrapeMemory& memory) {
  auto scraper = std::make_unique<Running>(loop, clock, std::move(options), seed, sink);
  for (ScrapeJob& job : jobs) {
    const std::string name = job.job_name;
    Status added = scraper->AddJob(std::move(job));
    if (!added) return std::move(added).error().At("scrape: " + name);
  }
  scraper->Remember(memory);
  scraper->StartDiscovery();
  return std::unique_ptr<Scraper>(std::move(scraper));
}

}  // namespace opssight
