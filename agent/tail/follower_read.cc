#include <algorithm>
#include <cstring>
#include <utility>

#include "agent/tail/cri.h"
#include "agent/tail/docker_json.h"
#include "agent/tail/follower.h"
#include "common/base/clock.h"
#include "common/base/log.h"

namespace opssight {
namespace {

constexpr std::uint64_t kLineBytesGuess = 128;  // Before a line was read.

// text's first bytes_max bytes, not ending inside a UTF-8 character.
std::string_view CutText(std::string_view text, std::size_t bytes_max) {
  std::size_t size = bytes_max;
  for (int i = 0; i < 3 && size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80;
       ++i) {
    --size;
  }
  return text.substr(0, size);
}

}  // namespace

std::size_t Follower::Turn(TailTime now) {
  if (excluded_ || !MetaReady(now)) {
    return 0;
  }
  for (const auto& file : linger_) {
    if (file->has_data) return ReadSlice(*file, now);
  }
  if (chain_.empty()) return 0;
  // Nothing in a file of which nothing was read shows that it was filled, copied and
  // emptied since the last look: so this is one.
  if (LogFile& first = *chain_.front(); first.blank()) {
    if (const auto stat = first.Stat()) Observe(first, *stat, now);
  }
  const std::size_t bytes = ReadSlice(*chain_.front(), now);
  Advance(now);
  return bytes;
}

std::size_t Follower::ReadSlice(LogFile& file, TailTime now) {
  const std::size_t bytes_max = shared_.options.turn_bytes;
  std::string_view fresh;
  switch (file.Fill(shared_.buffer.data(), bytes_max, &fresh)) {
    case LogFile::Read::kBytes:
      break;
    case LogFile::Read::kEnd:
      file.has_data = false;
      return 0;
    case LogFile::Read::kMore:
      return bytes_max;
    case LogFile::Read::kRewritten:
      Rewritten(file, now);
      return 0;
    case LogFile::Read::kError:
      ++shared_.stats.read_errors;
      OPS_LOG_EVERY(60, kWarn, "tail: {}: cannot read at {}; trying again", file.path, file.offset);
      file.has_data = false;
      file.stat.modified_ns = 0;  // The next look tries again.
      return 0;
  }
  const bool full = fresh.size() == bytes_max;
  const std::uint64_t scanned = file.scan_offset();
  const std::size_t used = Split(file, fresh, full, now);
  file.Consumed(fresh, used);
  if (!file.long_line) file.offset = std::max(file.offset, scanned + used);
  file.has_data = full;
  shared_.stats.bytes += used;
  Commit(file, now);
  return fresh.size();
}

// Passes on the lines in fresh; answers how many bytes are done with.
std::size_t Follower::Split(LogFile& file, std::string_view fresh, bool full, TailTime now) {
  const std::uint64_t base = file.scan_offset();
  const char* const begin = fresh.data();
  const char* const end = begin + fresh.size();
  const char* at = begin;
  const auto offset = [&](const char* p) { return base + static_cast<std::uint64_t>(p - begin); };
  while (at != end) {
    if (*at == '\0' && !file.long_line) {  // A hole before what was written after emptying.
      const char* const run = std::find_if(at, end, [](char c) { return c != '\0'; });
      shared_.stats.nul_bytes += static_cast<std::uint64_t>(run - at);
      at = run;
      continue;
    }
    const auto* newline =
        static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)));
    if (newline == nullptr) break;
    const std::string_view line(at, static_cast<std::size_t>(newline - at));
    if (file.long_line) {
      LogFile::LongLine whole = *std::move(file.long_line);
      file.long_line.reset();
      const std::size_t room = shared_.options.line_bytes_max - whole.kept.size();
      whole.kept.append(line.substr(0, std::min(line.size(), room)));
      Record(file, whole.kept, whole.start, whole.size + line.size(), now);
    } else {
      Record(file, line, offset(at), line.size(), now);
    }
    at = newline + 1;
    file.offset = offset(at);
  }
  if (at == end || (!file.long_line && !(full && at == begin))) {
    return static_cast<std::size_t>(at - begin);
  }
  if (!file.long_line) file.long_line = LogFile::LongLine{.kept = {}, .start = base, .size = 0};
  LogFile::LongLine& open = *file.long_line;
  const std::string_view part(at, static_cast<std::size_t>(end - at));
  const std::size_t room = shared_.options.line_bytes_max - open.kept.size();
  open.kept.append(part.substr(0, std::min(part.size(), room)));
  open.size += part.size();
  return fresh.size();
}

// One line of the file, without its newline. size is what it had before it was cut.
void Follower::Record(LogFile& file, std::string_view line, std::uint64_t start, std::uint64_t size,
                      TailTime now) {
  if (format_ == Format::kPlain) {
    if (line.ends_with('\r') && size == line.size()) {
      line.remove_suffix(1);
      --size;
    }
    if (start >= file.skip_before[0]) Emit(0, now.wall_ns, line, size, now);
    return;
  }
  if (format_ == Format::kDocker) {
    if (const auto record = ParseDockerRecord(line, shared_.text)) {
      ContainerRecord(file, record->is_stderr, record->partial, record->time_ns, record->text,
                      start, now);
      return;
    }
  } else if (const auto record = ParseCriRecord(line)) {
    ContainerRecord(file, record->is_stderr, record->partial, record->time_ns, record->text, start,
                    now);
    return;
  }
  if (line.empty()) return;
  ++shared_.stats.malformed;
  if (start >= file.skip_before[0]) Emit(0, now.wall_ns, line, size, now);
}

void Follower::ContainerRecord(LogFile& file, bool is_stderr, bool partial, std::int64_t time_ns,
                               std::string_view text, std::uint64_t start, TailTime now) {
  const std::size_t stream = is_stderr ? 1 : 0;
  if (start < file.skip_before[stream]) return;  // Stored by the last run.
  OpenRecords& records = *file.records;
  if (!records.joiner.open(is_stderr)) {
    if (!partial) {
      Emit(static_cast<int>(stream), time_ns, text, text.size(), now);
      return;
    }
    records.start[stream] = {.file = file.id(), .offset = start};
  }
  records.last_part_ms = now.steady_ms;
  const auto line = records.joiner.Add(is_stderr, partial, time_ns, text);
  if (line) {
    Emit(static_cast<int>(stream), line->time_ns, line->text, line->text.size() + line->cut_bytes,
         now);
  }
}

void Follower::Emit(int stream, std::int64_t time_ns, std::string_view text, std::uint64_t size,
                    TailTime now) {
  TailStats& stats = shared_.stats;
  ++lines_;
  bytes_ += size;
  last_time_ns_ = time_ns;
  if (shared_.drop && shared_.drop->Match(text, nullptr)) {
    ++stats.filtered_lines;
    return;
  }
  if (shared_.options.lines_per_second_max != 0 && !WithinRate(now)) return;
  LogRows& rows = rows_[static_cast<std::size_t>(stream)];
  if (text.size() > shared_.options.line_bytes_max) {
    text = CutText(text, shared_.options.line_bytes_max);
  }
  if (size > text.size()) {
    ++stats.cut_lines;
    stats.cut_bytes += size - text.size();
    const auto row = static_cast<std::uint32_t>(rows.rows.size());
    rows.metadata.push_back({.row = row, .label = {"truncated", "true"}});
    rows.metadata.push_back({.row = row, .label = {"original_bytes", std::to_string(size)}});
  }
  rows.Add(time_ns, text);
  ++stats.lines;
  stats.line_bytes += text.size();
}

// Lines of one second; what is over it goes into one gap for about a second.
bool Follower::WithinRate(TailTime now) {
  const std::int64_t second = now.steady_ms / kMsPerSecond;
  if (second != rate_second_) {
    rate_second_ = second;
    rate_used_ = 0;
  }
  if (rate_used_ < shared_.options.lines_per_second_max) {
    ++rate_used_;
    return true;
  }
  ++shared_.stats.rate_limited_lines;
  if (limited_.count++ == 0) limited_.from_ns = last_time_ns_;
  limited_.to_ns = last_time_ns_;
  return false;
}

// The last line of a file that will not get its newline.
void Follower::TakeTail(LogFile& file, TailTime now) {
  if (file.long_line) {
    const LogFile::LongLine line = *std::move(file.long_line);
    file.long_line.reset();
    file.offset = line.start + line.size;
    Record(file, line.kept, line.start, line.size, now);
  } else {
    std::string_view fresh;
    if (file.Fill(shared_.buffer.data(), shared_.options.turn_bytes, &fresh) ==
        LogFile::Read::kBytes) {
      const std::uint64_t start = file.offset;
      file.Consumed(fresh, fresh.size());
      file.offset += fresh.size();
      Record(file, fresh, start, fresh.size(), now);
      shared_.stats.bytes += fresh.size();
    }
  }
  file.stat.size = file.offset;
  Commit(file, now);
}

// Lines of a container whose end did not come: all, or those that waited long enough.
void Follower::FlushPartial(LogFile& file, TailTime now, bool all) {
  if (!file.records) return;
  const std::int64_t waited_ms = now.steady_ms - file.records->last_part_ms;
  if (!all && waited_ms < shared_.options.partial_flush_ms) return;
  bool flushed = false;
  for (const bool is_stderr : {false, true}) {
    const auto line = file.records->joiner.Flush(is_stderr);
    if (!line) continue;
    ++shared_.stats.partial_flush;
    Emit(is_stderr ? 1 : 0, line->time_ns, line->text, line->text.size() + line->cut_bytes, now);
    flushed = true;
  }
  if (flushed) Commit(file, now);
}

// Hands the rows over, each stream with the position its own rows reach, so that a crash
// between the two calls repeats none and loses none.
void Follower::Commit(LogFile& file, TailTime now) {
  SendGaps(now);
  for (const int stream : {0, 1}) {
    LogRows& rows = rows_[static_cast<std::size_t>(stream)];
    if (rows.rows.empty()) continue;
    Cover(file, stream);
    shared_.book.Set(file.id(), file.MakeCheckpoint(path_hash_));
    rows.stream = streams_[static_cast<std::size_t>(stream)];
    shared_.sink.AcceptLogs(std::exchange(rows, LogRows{}), shared_.book.TakeDirty(now.wall_ns));
  }
  Cover(file, 0);
  Cover(file, 1);
  shared_.book.Set(file.id(), file.MakeCheckpoint(path_hash_));
}

void Follower::Cover(LogFile& file, int stream) {
  const auto s = static_cast<std::size_t>(stream);
  const auto open = [stream](const LogFile& of) {
    return of.records != nullptr && of.records->joiner.open(stream == 1);
  };
  if (open(file)) {
    const OpenRecords::Start& start = file.records->start[s];
    if (start.file == file.id()) file.accepted[s] = start.offset;
    return;  // Else the line began in an older file, and nothing here is covered yet.
  }
  file.accepted[s] = file.offset;
  if (chain_.empty() || chain_.front().get() != &file) return;
  for (const auto& older : linger_) {
    if (older->accepted[s] == older->offset || open(*older)) continue;
    older->accepted[s] = older->offset;
    shared_.book.Set(older->id(), older->MakeCheckpoint(path_hash_));
  }
}

void Follower::Lost(std::uint64_t bytes, std::string reason, TailTime now) {
  const std::uint64_t line_bytes = lines_ == 0 ? kLineBytesGuess : bytes_ / lines_ + 1;  // '\n'
  const std::uint64_t count = std::max<std::uint64_t>(1, bytes / line_bytes);
  OPS_LOG_EVERY(10, kWarn, "tail: {}: {}: about {} lines ({} bytes) are lost", spec_.host_path,
                reason, count, bytes);
  shared_.stats.gap_bytes += bytes;
  gaps_.push_back({.signal = Signal::kLogs,
                   .stream = {},
                   .from_ns = last_time_ns_ != 0 ? last_time_ns_ : now.wall_ns,
                   .to_ns = now.wall_ns,
                   .count = count,
                   .reason = std::move(reason)});
}

void Follower::SendGaps(TailTime now) {
  if (limited_.count != 0 && now.steady_ms / kMsPerSecond != rate_second_) {
    limited_.reason = "over the limit of lines per second";
    gaps_.push_back(std::exchange(limited_, Gap{}));
  }
  if (gaps_.empty() || !streams_[0]) return;
  for (Gap& gap : gaps_) {
    gap.stream = streams_[0]->ToString();
    ++shared_.stats.gaps;
    shared_.sink.AcceptGap(std::move(gap));
  }
  gaps_.clear();
}

}  // namespace opssight
