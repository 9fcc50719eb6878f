#include "agent/tail/tailer.h"

#include <algorithm>
#include <utility>

#include "common/base/files.h"
#include "common/base/log.h"
#include "common/bytes/hash.h"

namespace opssight {
namespace {

constexpr std::int64_t kScanPauseMs = 250;        // Between scans asked for by changes.
constexpr std::int64_t kPositionsWaitMs = 1'000;  // Before positions go without rows.
constexpr std::int64_t kCongestedMs = 50;

}  // namespace

Tailer::Tailer(TailOptions options, Sink& sink, DirWatcher* watcher)
    : options_(std::move(options)),
      shared_{.options = options_,
              .sink = sink,
              .stats = {},
              .book = {},
              .drop = nullptr,
              .buffer = std::vector<char>(kMarkerBytes + options_.turn_bytes),
              .text = {},
              .opened = {},
              .names = {},
              .scanning = false},
      watcher_(options_.inotify ? watcher : nullptr) {}

Tailer::~Tailer() = default;

Result<std::unique_ptr<Tailer>> Tailer::Create(TailOptions options, Sink& sink,
                                               const PositionReader& positions,
                                               DirWatcher* watcher) {
  std::unique_ptr<Tailer> tailer(new Tailer(std::move(options), sink, watcher));
  auto saved = positions.ReadPositions(kTailPrefix);
  if (!saved) return std::move(saved).error().At("tail");
  TailShared& shared = tailer->shared_;
  shared.book.Load(*saved, &shared.stats.bad_checkpoints);
  if (shared.stats.bad_checkpoints != 0) {
    OPS_LOG(kWarn, "tail: {} checkpoints cannot be read; these files are read from the beginning",
            shared.stats.bad_checkpoints);
  }
  tailer->first_start_ = saved->empty();
  tailer->last_scan_ns_ = shared.book.alive_ns();
  const std::vector<std::string>& drop = tailer->options_.drop;
  if (!drop.empty()) {
    RE2::Options re2;
    re2.set_log_errors(false);
    shared.drop = std::make_unique<RE2::Set>(re2, RE2::UNANCHORED);
    for (const std::string& expression : drop) {
      std::string why;
      if (shared.drop->Add(expression, &why) < 0) {
        return Invalid("tail: drop: '" + expression + "' is no regular expression: " + why);
      }
    }
    if (!shared.drop->Compile()) return Exhausted("tail: drop: the expressions are too large");
  }
  return tailer;
}

std::int64_t Tailer::Tick(TailTime now) {
  last_tick_ns_ = now.wall_ns;
  const bool asked = scan_asked_ && now.steady_ms >= scan_not_before_ms_;
  if (!scanned_ || asked || now.steady_ms >= scan_due_ms_) Scan(now);
  bool more = CheckDue(now);
  if (shared_.sink.Congested()) return more ? 0 : kCongestedMs;
  more |= ReadReady(now);
  FlushPositions(now);
  if (more) return 0;
  if (shared_.sink.Congested()) return kCongestedMs;
  if (scan_asked_) return std::max<std::int64_t>(1, scan_not_before_ms_ - now.steady_ms);
  return options_.poll_ms;
}

void Tailer::OnChange(std::string_view dir, std::string_view name, bool structure) {
  std::string path(dir);
  if (path != "/") path.push_back('/');
  path.append(name);
  const auto found = by_real_.find(path);
  if (found != by_real_.end()) due_ms_[found->second->index] = 0;
  if (structure) scan_asked_ = true;
}

void Tailer::OnOverflow() {
  ++shared_.stats.watch_overflows;
  scan_asked_ = true;
  std::fill(due_ms_.begin(), due_ms_.end(), 0);
}

void Tailer::Flush() {
  if (!scanned_) return;  // Nothing was done.
  for (const auto& [path, entry] : entries_) entry.follower->Save();
  SendPositions(shared_.book.TakeLast(last_tick_ns_));
}

void Tailer::SendPositions(std::vector<Position> positions) {
  LogRows none;
  none.stream = std::make_shared<const Labels>();
  shared_.sink.AcceptLogs(std::move(none), std::move(positions));
}

// ---- finding files

void Tailer::Scan(TailTime now) {
  ++shared_.stats.scans;
  scan_asked_ = false;
  scan_due_ms_ = now.steady_ms + options_.rescan_ms;
  scan_not_before_ms_ = now.steady_ms + kScanPauseMs;
  shared_.scanning = true;
  DropIdle();
  GlobFound all;
  const auto source = [&](const std::vector<std::string>& globs, const FollowSpec& like) {
    GlobFound found;
    for (const std::string& glob : globs) ExpandGlob(options_.host_root, glob, found);
    for (const std::string& path : found.files) Consider(path, like, found, now);
    if (!scanned_) ConsiderOlder(like, found, globs, now);
    all.dirs.insert(found.dirs.begin(), found.dirs.end());
  };
  source(options_.pod_globs, {.host_path = {}, .source = LogSource::kPod, .labels = {}});
  source(options_.docker_globs, {.host_path = {}, .source = LogSource::kDocker, .labels = {}});
  source(options_.podman_globs, {.host_path = {}, .source = LogSource::kPodman, .labels = {}});
  for (const TailOptions::Files& files : options_.files) {
    source(files.globs, {.host_path = {}, .source = LogSource::kFile, .labels = files.labels});
  }
  shared_.scanning = false;
  SetWatches(all);
  Sweep(now);
  shared_.names.Clear();
  scanned_ = true;
  last_scan_ns_ = now.wall_ns;
}

bool Tailer::Wanted(const std::string& host_path) const {
  const auto matches = [&host_path](const std::string& glob) { return MatchPath(glob, host_path); };
  const auto& include = options_.include;
  if (!include.empty() && std::none_of(include.begin(), include.end(), matches)) return false;
  if (std::any_of(options_.exclude.begin(), options_.exclude.end(), matches)) return false;
  const std::string& own = options_.own_container_id;
  return own.empty() || host_path.find(own) == std::string::npos;
}

// An older file of one that is followed, or would be.
bool Tailer::IsOlderFile(const std::string& host_path, const GlobFound& found) const {
  const std::size_t slash = host_path.rfind('/');
  const std::string dir = host_path.substr(0, slash + 1);
  for (const std::string& live : LiveNamesOf(std::string_view(host_path).substr(slash + 1))) {
    const std::string path = dir + live;
    if (found.files.count(path) != 0 || entries_.count(path) != 0) return true;
  }
  return host_path.ends_with(".gz");
}

void Tailer::Consider(const std::string& host_path, const FollowSpec& like, const GlobFound& found,
                      TailTime now) {
  if (entries_.count(host_path) != 0 || !Wanted(host_path) || IsOlderFile(host_path, found)) return;
  const auto real = ResolveUnder(options_.host_root, host_path);
  if (!real || by_real_.count(real->path) != 0) return;
  const auto stat = StatFile(real->path);
  if (stat) {
    if (!stat->regular || shared_.opened.count(stat->id) != 0) return;
    // Renamed to a name that is followed too, after it was read to its end.
    const Checkpoint* known = shared_.book.Find(stat->id);
    if (known != nullptr && known->done && stat->size <= known->read_offset) {
      const auto opened = LogFile::Open(real->path);
      if (opened && (*opened)->Fits(*known)) {
        shared_.book.Saw(stat->id);
        return;
      }
    }
  }
  FollowSpec spec = like;
  spec.host_path = host_path;
  spec.at_end = first_start_ && !scanned_ && options_.start_at == TailOptions::StartAt::kEnd;
  spec.born_since_ns = last_scan_ns_;
  Add(std::move(spec), real->path, now);
}

// After a restart: older files that were not read to their end and whose live file is not
// there (yet). Their names say which it would be.
void Tailer::ConsiderOlder(const FollowSpec& like, const GlobFound& found,
                           const std::vector<std::string>& globs, TailTime now) {
  for (const std::string& dir : found.dirs) {
    const std::string host_dir = dir.substr(std::min(dir.size(), options_.host_root.size()));
    for (const std::string& name : std::vector<std::string>(shared_.names.Of(dir))) {
      for (const std::string& live : LiveNamesOf(name)) {
        const std::string host_path = host_dir + "/" + live;
        const auto matches = [&](const std::string& glob) { return MatchPath(glob, host_path); };
        if (entries_.count(host_path) != 0 || !Wanted(host_path) ||
            std::none_of(globs.begin(), globs.end(), matches) ||
            shared_.book.OfPath(Hash64(host_path)).empty()) {
          continue;
        }
        FollowSpec spec = like;
        spec.host_path = host_path;
        spec.real_path = dir + "/" + live;
        Add(std::move(spec), dir + "/" + live, now);
      }
    }
  }
}

void Tailer::Add(FollowSpec spec, const std::string& real_path, TailTime now) {
  Entry& entry = entries_[spec.host_path];
  entry.follower = std::make_unique<Follower>(shared_, std::move(spec));
  entry.index = order_.size();
  order_.push_back(&entry);
  due_ms_.push_back(0);
  by_real_[real_path] = &entry;
  CheckOne(entry, now);
}

void Tailer::DropIdle() {
  std::erase_if(ready_, [](Entry* entry) {
    if (!entry->follower->ready()) entry->queued = false;
    return !entry->queued;
  });
  std::erase_if(entries_, [](const auto& item) { return item.second.follower->idle(); });
  order_.clear();
  by_real_.clear();
  std::vector<std::int64_t> due_ms;
  for (auto& [path, entry] : entries_) {
    due_ms.push_back(due_ms_[entry.index]);
    entry.index = order_.size();
    order_.push_back(&entry);
    by_real_[entry.follower->real_path()] = &entry;
  }
  due_ms_ = std::move(due_ms);
  cursor_ = 0;
}

void Tailer::SetWatches(const GlobFound& found) {
  shared_.stats.files_followed = entries_.size();
  if (watcher_ == nullptr) return;
  std::set<std::string> wanted = found.dirs;
  for (const auto& [path, entry] : entries_) wanted.insert(FolderOf(entry.follower->real_path()));
  for (auto at = watches_.begin(); at != watches_.end();) {
    if (wanted.count(at->first) != 0) {
      ++at;
      continue;
    }
    if (at->second) watcher_->Unwatch(at->first);
    at = watches_.erase(at);
  }
  shared_.stats.dirs_watched = 0;
  for (const std::string& dir : wanted) {
    bool& watched = watches_[dir];
    // Again and again: a directory may have been made anew, and a limit raised.
    const bool works = watcher_->Watch(dir);
    if (!works && !watched) ++shared_.stats.watch_errors;
    if (works && !watched) {
      // What changed before the watch was there.
      for (const auto& [path, entry] : entries_) {
        if (FolderOf(entry.follower->real_path()) == dir) due_ms_[entry.index] = 0;
      }
    }
    watched = works;
    if (works) ++shared_.stats.dirs_watched;
  }
}

bool Tailer::Watched(const Follower& follower) const {
  const auto watch = watches_.find(FolderOf(follower.real_path()));
  return watch != watches_.end() && watch->second;
}

void Tailer::Sweep(TailTime now) {
  for (const auto& [path, entry] : entries_) entry.follower->SawAll();
  for (const auto& [id, checkpoint] : shared_.book.Sweep()) {
    const std::uint64_t bytes = checkpoint.size_seen - checkpoint.resume_offset();
    ++shared_.stats.gaps;
    shared_.stats.gap_bytes += bytes;
    OPS_LOG(kWarn, "tail: the file of checkpoint {} is gone; {} bytes of it were not read",
            CheckpointKey(id), bytes);
    shared_.sink.AcceptGap({.signal = Signal::kLogs,
                            .stream = Labels{{"host", options_.host}, {"job", "tail"}}.ToString(),
                            .from_ns = checkpoint.modified_ns,
                            .to_ns = now.wall_ns,
                            .count = std::max<std::uint64_t>(1, bytes / 128),
                            .reason = "file was gone when the agent started"});
  }
}

// ---- following them

// Whether some that are due had to wait for the next call.
bool Tailer::CheckDue(TailTime now) {
  std::size_t checked = 0;
  for (std::size_t looked = 0; looked < order_.size(); ++looked) {
    if (cursor_ >= order_.size()) cursor_ = 0;
    if (due_ms_[cursor_] <= now.steady_ms) {
      if (++checked > options_.tick_checks) return true;
      CheckOne(*order_[cursor_], now);
    }
    ++cursor_;
  }
  return false;
}

void Tailer::CheckOne(Entry& entry, TailTime now) {
  Follower& follower = *entry.follower;
  follower.Check(now);
  const bool ready = follower.ready();
  if (ready && !std::exchange(entry.queued, true)) ready_.push_back(&entry);
  if (Watched(follower) && !follower.restless()) {
    entry.backoff_ms = options_.rescan_ms;
  } else if (ready || follower.restless()) {
    entry.backoff_ms = options_.poll_ms;
  } else {
    entry.backoff_ms =
        std::min(std::max(entry.backoff_ms, options_.poll_ms / 2) * 2, options_.poll_max_ms);
  }
  due_ms_[entry.index] = now.steady_ms + entry.backoff_ms;
}

// One turn each, round and round, until the bytes of this call are used up. Whether more
// is there.
bool Tailer::ReadReady(TailTime now) {
  std::size_t bytes = 0;
  // Each turn counts as something, so that the call ends in any case.
  constexpr std::size_t kTurnCost = 4096;
  while (!ready_.empty() && bytes < options_.tick_bytes && !shared_.sink.Congested()) {
    Entry& entry = *ready_.front();
    ready_.pop_front();
    const std::size_t read = entry.follower->Turn(now);
    bytes += read + kTurnCost;
    // Where the metadata is missing the next check puts it into the queue again.
    entry.queued = entry.follower->ready() && !entry.follower->blocked();
    if (entry.queued) ready_.push_back(&entry);
  }
  return !ready_.empty();
}

void Tailer::FlushPositions(TailTime now) {
  if (!shared_.book.dirty()) {
    dirty_since_ms_ = -1;
  } else if (dirty_since_ms_ < 0) {
    dirty_since_ms_ = now.steady_ms;
  } else if (now.steady_ms - dirty_since_ms_ >= kPositionsWaitMs) {
    dirty_since_ms_ = -1;
    SendPositions(shared_.book.TakeDirty(now.wall_ns));
  }
}

}  // namespace opssight
