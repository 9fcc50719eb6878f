// LogFile is one open log file: where reading stands in it, and whether it is still the
// file that was read before.
//
// A file is known by device and inode while it is open, and across restarts by these,
// its time of birth, a hash of its first KiB and one of the 256 bytes before the read
// offset. Both are compared with every read, so that a file which was emptied and has
// grown past the offset since is seen too.
//
// A file ending in .gz is read through zlib; offsets are of the uncompressed bytes.
// Belongs to its follower.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/tail/checkpoint.h"
#include "agent/tail/host_fs.h"
#include "agent/tail/partial_joiner.h"
#include "common/base/result.h"

namespace opssight {

class GzReader;

// What a container's records left open at the end of what was read; goes from a file to
// the next one, as a line may span a rotation.
struct OpenRecords {
  struct Start {
    FileId file;
    std::uint64_t offset = 0;
  };
  explicit OpenRecords(std::size_t line_bytes_max)
      : joiner(PartialJoiner::Options{.bytes_max = line_bytes_max}) {}
  PartialJoiner joiner;
  std::array<Start, 2> start{};  // Of the first record, where joiner is open.
  std::int64_t last_part_ms = 0;
};

class LogFile {
 public:
  // A line longer than one read, gathered over several.
  struct LongLine {
    std::string kept;  // Its first bytes, as many as lines may have.
    std::uint64_t start = 0;
    std::uint64_t size = 0;  // Bytes so far.
  };
  enum class Read : std::uint8_t { kBytes, kEnd, kMore, kRewritten, kError };

  static Result<std::unique_ptr<LogFile>> Open(const std::string& path);
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // Whether this is the file of checkpoint: head, marker and size fit.
  bool Fits(const Checkpoint& checkpoint);
  // Whether all that is in other stands at the beginning of this file too; by its first
  // KiB and its last bytes. Neither compressed.
  bool BeginsWith(const LogFile& other) const;
  // Reading goes on at checkpoint.
  void Resume(const Checkpoint& checkpoint);
  // Reading begins at offset, without looking at what is before.
  void StartAt(std::uint64_t offset);
  // Reads from scan_offset(). kBytes: *fresh is valid until buffer changes; kEnd: nothing
  // new; kMore: nothing yet, ask again (skipping in a compressed file); kRewritten: no
  // longer what was read. buffer has kMarkerBytes + bytes_max bytes.
  Read Fill(char* buffer, std::size_t bytes_max, std::string_view* fresh);
  // After Fill: the first `bytes` of fresh are read (in a long line: gathered).
  void Consumed(std::string_view fresh, std::size_t bytes);
  // Its first bytes are those of before; learns more of them.
  bool CheckHead();
  // Starts over in a file that was emptied.
  void Reset();
  Checkpoint MakeCheckpoint(std::uint64_t path_hash) const;
  Result<FileStat> Stat() const { return StatFd(fd_); }

  FileId id() const { return stat.id; }
  // Nothing of it was read yet: if it was emptied meanwhile, that does not show.
  bool blank() const { return scan_offset() == 0; }
  bool gz() const { return gz_ != nullptr; }
  std::uint64_t scan_offset() const {
    return long_line ? long_line->start + long_line->size : offset;
  }
  // Bytes known to be there and not read yet.
  std::uint64_t unread() const { return stat.size > offset ? stat.size - offset : 0; }
  bool at_end() const { return !has_data && !long_line && unread() == 0; }
  bool covered() const { return accepted[0] == offset && accepted[1] == offset; }

  std::string path;          // Where it was opened; renamed since, maybe.
  FileStat stat;             // As last looked at.
  std::uint64_t offset = 0;  // Start of the first line not read.
  std::optional<LongLine> long_line;
  std::array<std::uint64_t, 2> accepted{};     // See checkpoint.h.
  std::array<std::uint64_t, 2> skip_before{};  // Rows of records before it are stored.
  std::unique_ptr<OpenRecords> records;        // Container formats only.
  std::int64_t growth_ms = 0;                  // When it last changed.
  bool has_data = true;                        // Worth a read.
  bool sealed = false;                         // A copy or compressed: nobody writes to it.
  bool damaged = false;                        // Compressed, and could not be read to its end.

 private:
  explicit LogFile(int fd);
  std::string ReadAt(std::uint64_t offset, std::size_t size) const;

  const int fd_;
  std::unique_ptr<GzReader> gz_;
  std::uint64_t head_hash_ = 0;
  std::uint16_t head_bytes_ = 0;
  std::uint16_t marker_bytes_ = 0;
  std::array<char, kMarkerBytes> marker_{};  // Before scan_offset().
};

}  // namespace opssight
