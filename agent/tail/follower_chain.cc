// What happens to the files of a follower: growth, truncation, the end of each.
#include <algorithm>
#include <utility>

#include "agent/tail/follower.h"
#include "common/base/log.h"

namespace opssight {

void Follower::Observe(LogFile& file, const FileStat& stat, TailTime now) {
  if (stat.deleted && !file.stat.deleted) file.growth_ms = now.steady_ms;
  if (file.gz()) {
    file.stat.deleted = stat.deleted;
    return;
  }
  const bool changed = stat.size != file.stat.size || stat.modified_ns != file.stat.modified_ns;
  if (stat.size < file.scan_offset()) {
    Rewritten(file, now);
  } else if (changed && !file.CheckHead()) {
    Rewritten(file, now);
  } else if (changed && file.blank()) {
    TakeUnseen(file, now);
    shared_.book.Set(file.id(), file.MakeCheckpoint(path_hash_));  // Its head is known now.
  }
  if (stat.size != file.stat.size || stat.modified_ns != file.stat.modified_ns) {
    file.growth_ms = now.steady_ms;
    file.has_data = true;
  }
  file.stat = stat;
}

// file no longer holds what was read of it: emptied in place, maybe copied before.
void Follower::Rewritten(LogFile& file, TailTime now) {
  ++shared_.stats.truncations;
  OPS_LOG(kDebug, "tail: {}: {} was emptied; {} of {} bytes were read", spec_.host_path, file.path,
          file.offset, file.stat.size);
  const std::uint64_t unread = file.unread();
  const auto at = std::find_if(chain_.begin(), chain_.end(),
                               [&file](const auto& other) { return other.get() == &file; });
  if (at == chain_.end()) {
    if (unread != 0) Lost(unread, "rotated file was emptied before it was read", now);
    file.Reset();
    return;
  }
  std::vector<RotatedFile> before = ListRotated(real_.path);
  std::vector<RotatedFile> newer = before;
  const std::size_t index = static_cast<std::size_t>(at - chain_.begin());
  std::size_t insert = index;
  const std::int64_t modified_ns = file.stat.modified_ns;
  std::unique_ptr<LogFile> copy = FindCopy(file, newer);
  const bool copied = copy != nullptr;
  if (copied) {
    MoveReading(file, *copy);
    Adopt(chain_.begin() + static_cast<std::ptrdiff_t>(insert++), std::move(copy), now);
  } else {
    if (unread != 0) Lost(unread, "file was emptied before it was read", now);
    if (file.records) {
      for (OpenRecords::Start& start : file.records->start) {
        if (start.file == file.id()) start.offset = 0;
      }
    }
  }
  file.Reset();
  file.CheckHead();
  // It may have been rotated away since: what is newer than it comes after it.
  const std::size_t after = before.size() - PlaceOf(file, before);
  before.resize(before.size() - after);
  newer.resize(newer.size() - std::min(newer.size(), after));
  LeaveOutCopies(file, before);
  LeaveOutCopies(file, newer);
  if (!copied) newer = Unknown(newer, modified_ns + 1);
  insert = Insert(insert, newer, now);
  if (insert != index && chain_.front().get() != &file && !chain_.front()->records) {
    chain_.front()->records = std::move(file.records);
  }
  Remember(before);
  if (const auto stat = file.Stat()) file.stat = *stat;
  file.growth_ms = now.steady_ms;
  shared_.book.Set(file.id(), file.MakeCheckpoint(path_hash_));
}

// Reading goes on in a copy of from, where it was in from.
void Follower::MoveReading(LogFile& from, LogFile& copy) {
  ++shared_.stats.copies_found;
  copy.StartAt(from.offset);
  copy.accepted = from.accepted;
  copy.skip_before = from.skip_before;
  copy.sealed = true;
  copy.records = std::move(from.records);
  if (!copy.records) return;
  for (OpenRecords::Start& start : copy.records->start) {
    if (start.file == from.id()) start.file = copy.id();
  }
}

// Where file is among files: under its own inode, or compressed since. files.size(): it
// is not.
std::size_t Follower::PlaceOf(const LogFile& file, const std::vector<RotatedFile>& files) {
  const Checkpoint now_there = file.MakeCheckpoint(path_hash_);
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (files[i].stat.id == file.id()) return i;
  }
  for (std::size_t i = 0; i < files.size() && now_there.head_bytes != 0; ++i) {
    if (!files[i].name.gz || files[i].stat.modified_ns < now_there.modified_ns) continue;
    const auto opened = Open(files[i].path);
    if (opened && opened->Fits(now_there)) return i;
  }
  return files.size();
}

// Opens files into the chain before index; answers where the next would go.
std::size_t Follower::Insert(std::size_t index, const std::vector<RotatedFile>& files,
                             TailTime now) {
  for (const RotatedFile& found : files) {
    auto opened = Taken(found.stat.id) ? nullptr : Open(found.path);
    if (!opened || Taken(opened->id())) continue;
    Adopt(chain_.begin() + static_cast<std::ptrdiff_t>(index++), std::move(opened), now);
  }
  return index;
}

// The live file changed and nothing of it was ever read: it may have been written, copied
// and emptied since the last look, and the copy is a file nobody knows.
void Follower::TakeUnseen(LogFile& file, TailTime now) {
  if (chain_.empty() || chain_.back().get() != &file) return;
  const std::size_t index = chain_.size() - 1;
  std::vector<RotatedFile> before = ListRotated(real_.path);
  before.resize(PlaceOf(file, before));
  LeaveOutCopies(file, before);
  Insert(index, Unknown(before, file.stat.modified_ns), now);
  Remember(before);
  if (index == 0 && chain_.front().get() != &file) {
    chain_.front()->records = std::move(file.records);
  }
}

// Takes out of older new copies of what is in live, which is not emptied yet, and maybe
// never will be: its lines come from live, and when it is emptied the copy is looked for.
void Follower::LeaveOutCopies(const LogFile& live, std::vector<RotatedFile>& older) {
  const auto now_there = live.Stat();
  if (!now_there || live.gz()) return;
  std::erase_if(older, [&](const RotatedFile& file) {
    const bool born = file.stat.birth_ns != 0 && now_there->birth_ns != 0;
    const bool younger = born ? file.stat.birth_ns >= now_there->birth_ns
                              : file.stat.modified_ns >= now_there->modified_ns;
    if (!younger || file.name.gz || Known(file)) return false;
    // A few bytes may well stand at the beginning of what came after emptying, too.
    const bool little = file.stat.size != 0 && file.stat.size < kMarkerBytes;
    if (little && file.stat.modified_ns < now_there->modified_ns) return false;
    const auto opened = Open(file.path);
    return opened && live.BeginsWith(*opened);
  });
}

// Nothing is at the path, but what was there may have been rotated more than once.
void Follower::OpenMissed(TailTime now) {
  const std::vector<RotatedFile> older = ListRotated(real_.path);
  Insert(chain_.size(), NewerThan(older, *chain_.back()), now);
  Remember(older);
}

// The copy that was made of file before it was emptied; leaves in older those newer
// than it.
std::unique_ptr<LogFile> Follower::FindCopy(const LogFile& file, std::vector<RotatedFile>& older) {
  const Checkpoint checkpoint = file.MakeCheckpoint(path_hash_);
  if (checkpoint.head_bytes == 0) return nullptr;
  for (std::size_t i = 0; i < older.size(); ++i) {
    if (Taken(older[i].stat.id) || older[i].stat.modified_ns < checkpoint.modified_ns) continue;
    auto opened = Open(older[i].path);
    if (!opened || !opened->Fits(checkpoint)) continue;
    older.erase(older.begin(), older.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    return opened;
  }
  return nullptr;
}

// Goes on to the next file of the chain where the first is read to its end.
void Follower::Advance(TailTime now) {
  while (!chain_.empty()) {
    LogFile& file = *chain_.front();
    const bool last = chain_.size() == 1;
    if (file.has_data || (last && live_there_ && file.id() == live_)) return;
    const std::int64_t quiet_ms = now.steady_ms - file.growth_ms;
    const bool settled = file.sealed || quiet_ms >= shared_.options.unfinished_ms;
    // While nobody writes to the new file, the writer may still be at the old one.
    if (chain_.size() == 2 && chain_[1]->stat.size == 0 && !settled) return;
    if (!file.at_end()) {
      if (!settled) return;
      TakeTail(file, now);
    }
    if (!last) {
      HandOver();
      continue;
    }
    const bool closes = file.stat.deleted ? settled : quiet_ms >= shared_.options.rotated_linger_ms;
    if (!closes) return;
    FlushPartial(file, now, /*all=*/true);
    Commit(file, now);
    Close(std::move(chain_.front()));
    chain_.pop_front();
  }
}

void Follower::HandOver() {
  std::unique_ptr<LogFile> file = std::move(chain_.front());
  chain_.pop_front();
  LogFile& next = *chain_.front();
  if (file->records) {
    next.records = std::move(file->records);
    file->records = std::make_unique<OpenRecords>(shared_.options.line_bytes_max);
  }
  next.has_data = true;
  linger_.push_back(std::move(file));
}

void Follower::CloseLingering(TailTime now) {
  for (auto at = linger_.begin(); at != linger_.end();) {
    LogFile& file = **at;
    const std::int64_t wait_ms = file.sealed         ? 0
                                 : file.stat.deleted ? shared_.options.unfinished_ms
                                                     : shared_.options.rotated_linger_ms;
    if (file.has_data || now.steady_ms - file.growth_ms < wait_ms) {
      ++at;
      continue;
    }
    if (!file.at_end()) TakeTail(file, now);
    FlushPartial(file, now, /*all=*/true);
    if (!file.covered()) {  // A line that ends in a newer file begins here.
      ++at;
      continue;
    }
    Close(std::move(*at));
    at = linger_.erase(at);
  }
}

void Follower::Close(std::unique_ptr<LogFile> file) {
  OPS_LOG(kDebug, "tail: {}: done with {} at {}", spec_.host_path, file->path, file->offset);
  if (file->damaged) {
    OPS_LOG_EVERY(60, kWarn, "tail: {}: compressed file is damaged; the rest of it is lost",
                  file->path);
  }
  // Also where it is deleted: it may be there compressed. The sweep forgets it in time.
  Checkpoint checkpoint = file->MakeCheckpoint(path_hash_);
  checkpoint.done = true;
  shared_.book.Set(file->id(), checkpoint);
  shared_.opened.erase(file->id());
  --shared_.stats.files_open;
}

// A deleted file holds disk space for as long as it is open.
void Follower::LimitDeleted(TailTime now) {
  std::uint64_t unread = 0;
  std::vector<LogFile*> deleted;
  for (Files* files : {&chain_, &linger_}) {
    for (const auto& file : *files) {
      if (!file->stat.deleted || file->unread() == 0) continue;
      unread += file->unread();
      deleted.push_back(file.get());
    }
  }
  shared_.stats.deleted_unread_bytes += unread - deleted_unread_;
  deleted_unread_ = unread;
  for (LogFile* file : deleted) {
    if (shared_.stats.deleted_unread_bytes <= shared_.options.deleted_bytes_max) return;
    if (!shared_.sink.Congested()) return;
    const std::uint64_t given_up = file->unread();
    Lost(given_up, "file was deleted while the spool was full", now);
    file->long_line.reset();
    file->StartAt(file->stat.size);
    file->has_data = false;
    deleted_unread_ -= given_up;
    shared_.stats.deleted_unread_bytes -= given_up;
  }
}

}  // namespace opssight
