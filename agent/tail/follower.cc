#include "agent/tail/follower.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bytes/hash.h"

namespace opssight {
namespace {

// How often to try for a listing during which nothing was renamed.
constexpr int kListTries = 4;

// Tells a file from a later one with the same inode.
std::pair<FileId, std::int64_t> SeenAs(const RotatedFile& file) {
  return {file.stat.id, file.stat.birth_ns != 0 ? file.stat.birth_ns : file.stat.modified_ns};
}

bool SameFiles(const std::vector<RotatedFile>& a, const std::vector<RotatedFile>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const RotatedFile& x, const RotatedFile& y) {
                      return x.path == y.path && x.stat.id == y.stat.id;
                    });
}

}  // namespace

Follower::Follower(TailShared& shared, FollowSpec spec)
    : shared_(shared), spec_(std::move(spec)), path_hash_(Hash64(spec_.host_path)) {}

Follower::~Follower() {
  ReleaseAll();
}

// Positions stay as they are: what was open is resumed by the next run.
void Follower::ReleaseAll() {
  for (Files* files : {&chain_, &linger_}) {
    for (const auto& file : *files) {
      shared_.opened.erase(file->id());
      --shared_.stats.files_open;
    }
    files->clear();
  }
  shared_.stats.deleted_unread_bytes -= std::exchange(deleted_unread_, 0);
}

void Follower::Check(TailTime now) {
  if (excluded_) {
    live_there_ = StatFile(real_.path).has_value();
    for (const auto& file : chain_) shared_.book.Forget(file->id());
    ReleaseAll();
    return;
  }
  std::vector<LogFile*> open;  // Rewritten() adds to the chain.
  for (Files* files : {&chain_, &linger_}) {
    for (const auto& file : *files) open.push_back(file.get());
  }
  for (LogFile* file : open) {
    if (const auto stat = file->Stat()) Observe(*file, *stat, now);
  }
  CheckLive(now);
  if (!shared_.sink.Congested() && MetaReady(now)) {
    Advance(now);
    CloseLingering(now);
    if (!chain_.empty() && chain_.size() == 1 && !chain_.front()->has_data) {
      FlushPartial(*chain_.front(), now, /*all=*/false);
    }
    SendGaps(now);
  }
  LimitDeleted(now);
}

bool Follower::ready() const {
  if (excluded_) return false;
  const auto has_data = [](const auto& file) { return file->has_data; };
  return (!chain_.empty() && chain_.front()->has_data) ||
         std::any_of(linger_.begin(), linger_.end(), has_data);
}

bool Follower::restless() const {
  if (excluded_) return false;
  if (waiting_ || !linger_.empty() || chain_.size() > 1 || limited_.count != 0) return true;
  if (chain_.empty()) return false;
  const LogFile& file = *chain_.front();
  return !meta_done_ || !live_there_ ||
         (file.records && (file.records->joiner.open(false) || file.records->joiner.open(true)));
}

void Follower::SawAll() const {
  std::size_t open = 0;
  for (const Files* files : {&chain_, &linger_}) {
    for (const auto& file : *files) shared_.book.Saw(file->id());
    open += files->size();
  }
  // What was read stays known for as long as it is there, compressed or not.
  if (shared_.book.OfPath(path_hash_).size() <= open) return;
  for (const RotatedFile& file : ListRotated(real_.path, shared_.names)) {
    if (shared_.book.Find(file.stat.id) != nullptr) {
      shared_.book.Saw(file.stat.id);
      continue;
    }
    const auto opened =
        file.name.gz ? LogFile::Open(file.path) : Result<std::unique_ptr<LogFile>>();
    const Checkpoint* known = opened && *opened ? ReadBefore(**opened) : nullptr;
    if (known != nullptr && known->done) shared_.book.Set(file.stat.id, *known);
  }
}

void Follower::Save() const {
  for (const Files* files : {&chain_, &linger_}) {
    for (const auto& file : *files) {
      shared_.book.Set(file->id(), file->MakeCheckpoint(path_hash_));
    }
  }
}

// ---- finding files

void Follower::CheckLive(TailTime now) {
  if (real_.path.empty() || real_.linked || !live_there_) {
    auto real = ResolveUnder(shared_.options.host_root, spec_.host_path);
    if (real) {
      if (real->path != real_.path) older_.clear();
      real_ = *std::move(real);
    }
  }
  const auto stat =
      real_.path.empty() ? Result<FileStat>(NotFound(spec_.host_path)) : StatFile(real_.path);
  live_there_ = stat.has_value() && stat->regular;
  if (!live_there_) {
    if (!started_ && !spec_.real_path.empty()) OpenOlder(now);
    if (!chain_.empty() && chain_path_ == real_.path) OpenMissed(now);
    waiting_ = !stat && stat.error().code != ErrorCode::kNotFound;
    if (waiting_) {
      ++shared_.stats.open_errors;
      OPS_LOG_EVERY(60, kWarn, "tail: {}; trying again", stat.error().message);
    }
    return;
  }
  live_ = stat->id;
  waiting_ = false;
  if (!Taken(live_)) OpenLive(now);
}

std::unique_ptr<LogFile> Follower::Open(const std::string& path) {
  if (shared_.stats.files_open >= shared_.options.files_max) {
    ++shared_.stats.files_over_limit;
    OPS_LOG_EVERY(60, kWarn, "tail: {}: {} files are open, the limit; it waits", path,
                  shared_.stats.files_open);
    waiting_ = true;
    return nullptr;
  }
  auto file = LogFile::Open(path);
  if (file) return *std::move(file);
  if (file.error().code != ErrorCode::kNotFound) {
    ++shared_.stats.open_errors;
    OPS_LOG_EVERY(60, kWarn, "tail: {}; trying again", file.error().message);
    waiting_ = true;
  }
  return nullptr;
}

void Follower::OpenLive(TailTime now) {
  const auto list = [this] {  // In a scan many at once, in one directory maybe.
    return shared_.scanning ? ListRotated(real_.path, shared_.names) : ListRotated(real_.path);
  };
  std::unique_ptr<LogFile> live;
  std::vector<RotatedFile> older;
  for (int i = 0; i < kListTries; ++i) {
    live = Open(real_.path);
    if (!live) return;
    older = list();
    const auto again = StatFile(real_.path);
    if (again && again->id == live->id() && SameFiles(older, list())) break;
  }
  // Rotated away since: what is newer is found by the next look, after it.
  older.erase(std::find_if(older.begin(), older.end(),
                           [&live](const RotatedFile& file) { return file.stat.id == live->id(); }),
              older.end());
  if (Taken(live->id())) return;
  LeaveOutCopies(*live, older);
  live_ = live->id();
  SetFormat();
  if (chain_.empty()) {
    OpenFirst(std::move(live), older, now);
  } else {
    OpenNext(std::move(live), older, now);
  }
  Remember(older);
}

// The path leads nowhere, but files that were there before are not read to their end.
void Follower::OpenOlder(TailTime now) {
  started_ = true;
  real_.path = chain_path_ = spec_.real_path;
  SetFormat();
  const std::vector<RotatedFile> older = ListRotated(real_.path);
  Files files;
  for (const RotatedFile& file : older) {
    if (Taken(file.stat.id)) continue;
    if (auto opened = Open(file.path)) files.push_back(std::move(opened));
  }
  if (!files.empty()) ResumeChain(std::move(files), /*has_live=*/false, now);
  Remember(older);
}

void Follower::SetFormat() {
  format_ = spec_.source == LogSource::kFile    ? Format::kPlain
            : real_.path.ends_with("-json.log") ? Format::kDocker
                                                : Format::kCri;
}

void Follower::OpenFirst(std::unique_ptr<LogFile> live, const std::vector<RotatedFile>& older,
                         TailTime now) {
  chain_path_ = real_.path;
  const bool known =
      !shared_.book.OfPath(path_hash_).empty() || shared_.book.Find(live->id()) != nullptr;
  if (!known) {
    if (spec_.at_end && !started_) live->StartAt(live->stat.size);
    started_ = true;
    // Rotated before it was first looked at.
    std::vector<RotatedFile> young;
    for (const RotatedFile& file : older) {
      const std::int64_t birth_ns =
          file.stat.birth_ns != 0 ? file.stat.birth_ns : file.stat.modified_ns;
      if (spec_.born_since_ns != 0 && birth_ns >= spec_.born_since_ns) young.push_back(file);
    }
    Insert(0, young, now);
    Adopt(chain_.end(), std::move(live), now);
    return;
  }
  started_ = true;
  Files files;
  for (const RotatedFile& file : older) {
    if (Taken(file.stat.id)) continue;
    if (auto opened = Open(file.path)) files.push_back(std::move(opened));
  }
  files.push_back(std::move(live));
  ResumeChain(std::move(files), /*has_live=*/true, now);
}

// After a restart: which of files (oldest first, the live one last) were being read, and
// how far. Reading goes on with the oldest that was not read to its end; what is newer
// and was not known yet is read from its beginning.
void Follower::ResumeChain(Files files, bool has_live, TailTime now) {
  const auto match = MatchFiles(files, has_live);
  const std::size_t first = FirstUnread(files, match, has_live);
  // What was there when a newer one was opened was known then, and if it has no
  // checkpoint now it was read and forgotten. A file that was empty when last looked at may
  // have been filled, copied and emptied since: its copy is younger than that look.
  const auto forgotten = [&](std::size_t i) {
    for (std::size_t j = i + 1; j < files.size(); ++j) {
      if (match[j] &&
          (match[j]->read_offset != 0 || files[i]->stat.modified_ns < match[j]->modified_ns)) {
        return true;
      }
    }
    return false;
  };
  for (std::size_t i = first; i < files.size(); ++i) {
    const bool live = has_live && i + 1 == files.size();
    if (match[i]) {
      if (match[i]->done && !live && files[i]->stat.size <= match[i]->read_offset) continue;
      files[i]->Resume(*match[i]);
    } else if (!live && (forgotten(i) || ReadBefore(*files[i]) != nullptr)) {
      continue;
    }
    Adopt(chain_.end(), std::move(files[i]), now);
  }
}

// The checkpoint of each file, where there is one.
std::vector<std::optional<Checkpoint>> Follower::MatchFiles(const Files& files, bool has_live) {
  const std::size_t count = files.size();
  std::vector<std::optional<Checkpoint>> match(count);
  std::set<FileId> used;
  for (std::size_t i = 0; i < count; ++i) {
    const Checkpoint* checkpoint = shared_.book.Find(files[i]->id());
    if (checkpoint != nullptr && files[i]->Fits(*checkpoint)) {
      match[i] = *checkpoint;
      used.insert(files[i]->id());
    }
  }
  // Copied and emptied, or compressed: the same bytes in another file.
  for (const auto& [id, checkpoint] : shared_.book.OfPath(path_hash_)) {
    if (used.count(id) != 0 || checkpoint.done || checkpoint.head_bytes == 0) continue;
    for (std::size_t i = 0; i < count; ++i) {
      if (match[i] || files[i]->stat.modified_ns < checkpoint.modified_ns) continue;
      if (!files[i]->Fits(checkpoint)) continue;
      match[i] = checkpoint;
      // Gone from id, or id is another file by now. What is merely not found here may
      // have another name that is followed: the sweep decides.
      shared_.book.Forget(id);
      if (!has_live || i + 1 != count) {
        files[i]->sealed = true;
        ++shared_.stats.copies_found;
      }
      break;
    }
  }
  return match;
}

std::size_t Follower::FirstUnread(const Files& files,
                                  const std::vector<std::optional<Checkpoint>>& match,
                                  bool has_live) const {
  const std::size_t count = files.size();
  std::size_t first = count;
  for (std::size_t i = 0; i < count && first == count; ++i) {
    if (match[i] && !match[i]->done) first = i;
  }
  for (std::size_t i = count; i-- > 0 && first == count;) {
    if (match[i]) first = i;
  }
  // Where nothing was known of the bytes of the file, or it is gone, those changed since
  // it was last looked at are newer.
  std::int64_t modified_ns = 0;
  if (first == count) {
    const auto mine = shared_.book.OfPath(path_hash_);
    for (const auto& [id, checkpoint] : mine) {
      modified_ns = std::max(modified_ns, checkpoint.modified_ns);
    }
    first = has_live ? count - 1 : count;
    if (mine.empty()) return first;
  } else if (match[first]->read_offset == 0) {
    modified_ns = match[first]->modified_ns;
  } else {
    return first;
  }
  while (first > 0 && files[first - 1]->stat.modified_ns >= modified_ns &&
         !(match[first - 1] && match[first - 1]->done)) {
    --first;
  }
  return first;
}

// The live path leads to another file than before.
void Follower::OpenNext(std::unique_ptr<LogFile> live, const std::vector<RotatedFile>& older,
                        TailTime now) {
  ++shared_.stats.rotations;
  const LogFile& last = *chain_.back();
  std::vector<RotatedFile> between = NewerThan(older, last);
  if (chain_path_ != real_.path) between.clear();  // A symlink was led elsewhere.
  chain_path_ = real_.path;
  Insert(chain_.size(), between, now);
  Adopt(chain_.end(), std::move(live), now);
}

// Those of older that are newer than anchor: by their order where it is among them.
std::vector<RotatedFile> Follower::NewerThan(const std::vector<RotatedFile>& older,
                                             const LogFile& anchor) {
  const std::size_t place = PlaceOf(anchor, older);
  if (place == older.size()) return Unknown(older, anchor.stat.modified_ns);
  std::vector<RotatedFile> newer(older.begin() + static_cast<std::ptrdiff_t>(place) + 1,
                                 older.end());
  std::erase_if(newer, [this](const RotatedFile& file) { return !Unseen(file); });
  return newer;
}

// Those of older that were changed at modified_ns or later and were never seen.
std::vector<RotatedFile> Follower::Unknown(const std::vector<RotatedFile>& older,
                                           std::int64_t modified_ns) {
  std::vector<RotatedFile> unknown;
  for (const RotatedFile& file : older) {
    if (file.stat.modified_ns >= modified_ns && Unseen(file)) unknown.push_back(file);
  }
  return unknown;
}

// Open, or there when the directory was listed last.
bool Follower::Known(const RotatedFile& file) const {
  return Taken(file.stat.id) ||
         std::find(older_.begin(), older_.end(), SeenAs(file)) != older_.end();
}

// Not known, and not what was read.
bool Follower::Unseen(const RotatedFile& file) {
  if (Known(file)) return false;
  const auto opened = Open(file.path);
  return opened && ReadBefore(*opened) == nullptr;
}

// The checkpoint of what is open, or was read to its end, and is the same as file:
// compressed or copied since. Null: there is none.
const Checkpoint* Follower::ReadBefore(LogFile& file) const {
  for (const auto& [id, checkpoint] : shared_.book.OfPath(path_hash_)) {
    // A file of which nothing was read may have been copied and emptied: the copy is news.
    if (checkpoint.head_bytes == 0 || (checkpoint.read_offset == 0 && !file.gz())) continue;
    if ((checkpoint.done || Taken(id)) && file.Fits(checkpoint)) {
      return shared_.book.Find(id);
    }
  }
  return nullptr;
}

void Follower::Remember(const std::vector<RotatedFile>& older) {
  older_.clear();
  for (const RotatedFile& file : older) older_.push_back(SeenAs(file));
}

void Follower::Adopt(Files::iterator before, std::unique_ptr<LogFile> file, TailTime now) {
  const std::int64_t age_ms = (now.wall_ns - file->stat.modified_ns) / kNsPerMs;
  file->growth_ms = now.steady_ms - std::max<std::int64_t>(age_ms, 0);
  file->CheckHead();
  if (format_ != Format::kPlain && chain_.empty()) {
    file->records = std::make_unique<OpenRecords>(shared_.options.line_bytes_max);
  }
  shared_.opened[file->id()] = this;
  shared_.book.Set(file->id(), file->MakeCheckpoint(path_hash_));
  ++shared_.stats.files_open;
  ++shared_.stats.files_opened;
  OPS_LOG(kDebug, "tail: {}: reading {} from {}", spec_.host_path, file->path, file->offset);
  chain_.insert(before, std::move(file));
}

}  // namespace opssight
