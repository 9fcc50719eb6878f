// Follower reads one live log file and everything that comes before and after it: the
// file that was at its path when it was rotated away, those in between, the new one.
//
//   chain:  app.log.2 ─► app.log.1 ─► app.log          linger: app.log.3
//           being read   next         live             read; may get late lines
//
// The first of the chain is read to its end, then the next. Unfinished records go from
// one to the next. A rotated file stays open until it was quiet for a while.
//
// Check() looks at the file system, Turn() reads one slice and hands its rows to the sink
// with the positions they cover. Both take the time; neither waits. What a file held that
// could not be read becomes a gap record. Belongs to the tailer.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <re2/set.h>

#include "agent/container/container_meta.h"
#include "agent/sink/sink.h"
#include "agent/tail/log_file.h"
#include "agent/tail/options.h"
#include "agent/tail/position_book.h"

namespace opssight {

struct TailTime {
  std::int64_t steady_ms = 0;
  std::int64_t wall_ns = 0;
};

// What all followers share.
struct TailShared {
  const TailOptions& options;
  Sink& sink;
  TailStats stats;
  PositionBook book;
  std::unique_ptr<RE2::Set> drop;        // Null: keep all lines.
  std::vector<char> buffer;              // Of reads.
  std::string text;                      // Unescaped record.
  std::map<FileId, const void*> opened;  // By which follower.
  DirNames names;                        // Of the scan that is going on.
  bool scanning = false;
};

enum class LogSource : std::uint8_t { kPod, kDocker, kPodman, kFile };

struct FollowSpec {
  std::string host_path;  // Without host_root.
  LogSource source = LogSource::kFile;
  std::vector<Label> labels;  // kFile.
  bool at_end = false;        // Where it is first seen, read only what comes.
  // Where it was never seen: older files made since then are new as well. 0: none are.
  std::int64_t born_since_ns = 0;
  std::string real_path;  // Where it would be: set if only older files are there.
};

class Follower {
 public:
  Follower(TailShared& shared, FollowSpec spec);
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // Looks for rotation, truncation, deletion and growth, and at what is due by time.
  void Check(TailTime now);
  // Reads at most turn_bytes of one file; answers how many.
  std::size_t Turn(TailTime now);
  // There is something to read.
  bool ready() const;
  // Nothing open, and nothing at the path that could be followed.
  bool idle() const {
    return excluded_ ? !live_there_ : chain_.empty() && linger_.empty() && !waiting_;
  }
  // Something is due sooner than the file grows: timeouts, unfinished lines.
  bool restless() const;
  // Its lines wait for the container's metadata.
  bool blocked() const { return !meta_done_; }
  // For the book's sweep: marks what is open, and what was read and is still there.
  void SawAll() const;
  // Puts how far all is read into the book, sizes included.
  void Save() const;

  const std::string& host_path() const { return spec_.host_path; }
  const std::string& real_path() const { return real_.path; }

 private:
  enum class Format : std::uint8_t { kPlain, kDocker, kCri };
  using Files = std::deque<std::unique_ptr<LogFile>>;

  // -- follower.cc: finding files
  void CheckLive(TailTime now);
  void OpenLive(TailTime now);
  void OpenFirst(std::unique_ptr<LogFile> live, const std::vector<RotatedFile>& older,
                 TailTime now);
  void OpenOlder(TailTime now);
  void SetFormat();
  void OpenNext(std::unique_ptr<LogFile> live, const std::vector<RotatedFile>& older, TailTime now);
  void ResumeChain(Files files, bool has_live, TailTime now);
  std::vector<std::optional<Checkpoint>> MatchFiles(const Files& files, bool has_live);
  std::size_t FirstUnread(const Files& files, const std::vector<std::optional<Checkpoint>>& match,
                          bool has_live) const;
  std::unique_ptr<LogFile> Open(const std::string& path);
  bool Taken(const FileId& id) const { return shared_.opened.count(id) != 0; }
  void Adopt(Files::iterator before, std::unique_ptr<LogFile> file, TailTime now);

  // -- follower_chain.cc: what happens to them
  void Observe(LogFile& file, const FileStat& stat, TailTime now);
  void Rewritten(LogFile& file, TailTime now);
  std::unique_ptr<LogFile> FindCopy(const LogFile& file, std::vector<RotatedFile>& older);
  std::vector<RotatedFile> NewerThan(const std::vector<RotatedFile>& older, const LogFile& anchor);
  std::vector<RotatedFile> Unknown(const std::vector<RotatedFile>& older, std::int64_t modified_ns);
  void MoveReading(LogFile& from, LogFile& copy);
  std::size_t PlaceOf(const LogFile& file, const std::vector<RotatedFile>& files);
  bool Unseen(const RotatedFile& file);
  const Checkpoint* ReadBefore(LogFile& file) const;
  std::size_t Insert(std::size_t index, const std::vector<RotatedFile>& files, TailTime now);
  void TakeUnseen(LogFile& file, TailTime now);
  void OpenMissed(TailTime now);
  bool Known(const RotatedFile& file) const;
  void Remember(const std::vector<RotatedFile>& older);
  void LeaveOutCopies(const LogFile& live, std::vector<RotatedFile>& older);
  void Advance(TailTime now);
  void HandOver();
  void CloseLingering(TailTime now);
  void Close(std::unique_ptr<LogFile> file);
  void LimitDeleted(TailTime now);
  void ReleaseAll();

  // -- follower_read.cc: bytes to rows
  std::size_t ReadSlice(LogFile& file, TailTime now);
  std::size_t Split(LogFile& file, std::string_view fresh, bool full, TailTime now);
  void Record(LogFile& file, std::string_view line, std::uint64_t start, std::uint64_t size,
              TailTime now);
  void ContainerRecord(LogFile& file, bool is_stderr, bool partial, std::int64_t time_ns,
                       std::string_view text, std::uint64_t start, TailTime now);
  void Emit(int stream, std::int64_t time_ns, std::string_view text, std::uint64_t size,
            TailTime now);
  bool WithinRate(TailTime now);
  void TakeTail(LogFile& file, TailTime now);
  void FlushPartial(LogFile& file, TailTime now, bool all);
  void Commit(LogFile& file, TailTime now);
  void Cover(LogFile& file, int stream);
  void Lost(std::uint64_t bytes, std::string reason, TailTime now);
  void SendGaps(TailTime now);

  // -- follower_meta.cc: whose lines they are
  bool MetaReady(TailTime now);
  void ReadMeta(TailTime now);
  void SetStreams();

  TailShared& shared_;
  const FollowSpec spec_;
  const std::uint64_t path_hash_;
  RealPath real_;
  std::string chain_path_;  // Where the newest of chain_ was live.
  Format format_ = Format::kPlain;

  Files chain_;
  Files linger_;
  std::vector<std::pair<FileId, std::int64_t>> older_;  // Rotated files seen, with birth.
  FileId live_;                                         // What the path led to last.
  bool live_there_ = false;
  bool started_ = false;  // The first opening is over.
  bool waiting_ = true;   // There is a file that could not be opened yet.
  std::uint64_t deleted_unread_ = 0;

  bool meta_done_ = false;
  bool excluded_ = false;
  std::int64_t meta_since_ms_ = -1;
  std::int64_t meta_modified_ns_ = -1;
  std::int64_t meta_checked_ms_ = 0;
  ContainerMeta meta_;
  std::array<std::shared_ptr<const Labels>, 2> streams_;

  std::array<LogRows, 2> rows_;
  std::int64_t last_time_ns_ = 0;
  std::uint64_t lines_ = 0;  // For the average length of a line.
  std::uint64_t bytes_ = 0;
  std::vector<Gap> gaps_;
  std::int64_t rate_second_ = 0;
  std::uint64_t rate_used_ = 0;
  Gap limited_;  // count 0: none open.
};

}  // namespace opssight
