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
  if (stat.size < file.scan_offset()) Rewritten(file, now);
  if (stat.size != file.stat.size || stat.modified_ns != file.stat.modified_ns) {
    file.growth_ms = now.steady_ms;
    file.has_data = true;
  }
  file.stat = stat;
}

// file no longer holds what was read of it: emptied in place, maybe copied before.
void Follower::Rewritten(LogFile& file, TailTime now) {
  ++shared_.stats.truncations;
  const std::uint64_t unread = file.unread();
  const auto at = std::find_if(chain_.begin(), chain_.end(),
                               [&file](const auto& other) { return other.get() == &file; });
  if (at == chain_.end()) {
    if (unread != 0) Lost(unread, "rotated file was emptied before it was read", now);
    file.Reset();
    return;
  }
  std::vector<RotatedFile> older = ListRotated(real_.path);
  std::vector<RotatedFile> newer = older;
  std::unique_ptr<LogFile> copy = FindCopy(file, newer);
  const std::size_t index = static_cast<std::size_t>(at - chain_.begin());
  std::size_t insert = index;
  if (copy) {
    ++shared_.stats.copies_found;
    copy->StartAt(file.offset);
    copy->accepted = file.accepted;
    copy->skip_before = file.skip_before;
    copy->sealed = true;
    copy->records = std::move(file.records);
    if (copy->records) {
      for (OpenRecords::Start& start : copy->records->start) {
        if (start.file == file.id()) start.file = copy->id();
      }
    }
    Adopt(chain_.begin() + static_cast<std::ptrdiff_t>(insert++), std::move(copy), now);
  } else {
    if (unread != 0) Lost(unread, "file was emptied before it was read", now);
    newer = NewerThan(older, file, file.stat.modified_ns + 1);
    if (file.records) {
      for (OpenRecords::Start& start : file.records->start) {
        if (start.file == file.id()) start.offset = 0;
      }
    }
  }
  for (const RotatedFile& found : newer) {
    auto opened = Taken(found.stat.id) ? nullptr : Open(found.path);
    if (opened)
      Adopt(chain_.begin() + static_cast<std::ptrdiff_t>(insert++), std::move(opened), now);
  }
  if (insert != index && chain_.front().get() != &file && !chain_.front()->records) {
    chain_.front()->records = std::move(file.records);
  }
  older_.clear();
  for (const RotatedFile& found : older) older_.emplace_back(found.stat.id, found.stat.birth_ns);
  file.Reset();
  if (const auto stat = file.Stat()) file.stat = *stat;
  file.growth_ms = now.steady_ms;
  shared_.book.Set(file.id(), file.MakeCheckpoint(path_hash_));
}

// The copy that was made of file before it was emptied; leaves in older those newer
// than it.
std::unique_ptr<LogFile> Follower::FindCopy(const LogFile& file, std::vector<RotatedFile>& older) {
  const Checkpoint checkpoint = file.MakeCheckpoint(path_hash_);
  if (checkpoint.head_bytes == 0) return nullptr;
  for (std::size_t i = older.size(); i-- > 0;) {
    if (Taken(older[i].stat.id)) continue;
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
  if (file->damaged) {
    OPS_LOG_EVERY(60, kWarn, "tail: {}: compressed file is damaged; the rest of it is lost",
                  file->path);
  }
  if (file->stat.deleted) {
    shared_.book.Forget(file->id());
  } else {
    Checkpoint checkpoint = file->MakeCheckpoint(path_hash_);
    checkpoint.done = true;
    shared_.book.Set(file->id(), checkpoint);
  }
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
