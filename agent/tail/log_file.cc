#include "agent/tail/log_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include "agent/tail/gz_reader.h"
#include "common/bytes/hash.h"

namespace opssight {
namespace {

// As far as a compressed file is read to compare the marker (0.3 s); else its head must do.
constexpr std::uint64_t kGzMarkerMax = 64UL << 20;

}  // namespace

Result<std::unique_ptr<LogFile>> LogFile::Open(const std::string& path) {
  // O_NONBLOCK: the name may be a pipe's by now.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return NotFound("open " + path);
    return IoError("open " + path, errno);
  }
  std::unique_ptr<LogFile> file(new LogFile(fd));
  OPS_TRY(file->stat, StatFd(fd));
  if (!file->stat.regular) return Invalid("open " + path + ": not a regular file; left alone");
  file->path = path;
  if (path.ends_with(".gz")) {
    file->gz_ = GzReader::Open(fd);
    if (!file->gz_) return IoError("open " + path + " as gzip", EINVAL);
    file->sealed = true;
    file->stat.size = 0;  // As far as read: of the uncompressed bytes.
  }
  return file;
}

LogFile::LogFile(int fd) : fd_(fd) {}

LogFile::~LogFile() {
  close(fd_);
}

std::string LogFile::ReadAt(std::uint64_t from, std::size_t size) const {
  std::string bytes(size, '\0');
  std::size_t got = 0;
  if (gz_) {
    while (got < size) {
      std::size_t more = 0;
      const auto read = gz_->ReadAt(from + got, bytes.data() + got, size - got, &more);
      if (read != GzReader::Read::kBytes && read != GzReader::Read::kMore) break;
      got += more;
    }
  } else {
    const ssize_t read = pread(fd_, bytes.data(), size, static_cast<off_t>(from));
    got = read > 0 ? static_cast<std::size_t>(read) : 0;
  }
  bytes.resize(got);
  return bytes;
}

bool LogFile::Fits(const Checkpoint& checkpoint) {
  if (stat.birth_ns != 0 && checkpoint.birth_ns != 0 && checkpoint.head_bytes == 0) {
    return stat.birth_ns == checkpoint.birth_ns;
  }
  const std::string head = ReadAt(0, checkpoint.head_bytes);
  if (head.size() != checkpoint.head_bytes) return false;
  if (!head.empty() && Hash64(head) != checkpoint.head_hash) return false;
  if (gz_ && checkpoint.read_offset > kGzMarkerMax) return true;
  if (!gz_ && stat.size < std::max({checkpoint.read_offset, checkpoint.accepted[0],
                                    checkpoint.accepted[1]})) {
    return false;
  }
  const std::string marker =
      ReadAt(checkpoint.read_offset - checkpoint.marker_bytes, checkpoint.marker_bytes);
  return marker.size() == checkpoint.marker_bytes && Hash64(marker) == checkpoint.marker_hash;
}

bool LogFile::BeginsWith(const LogFile& other) const {
  const std::uint64_t size = other.stat.size;
  const auto same = [&](std::uint64_t from, std::size_t bytes) {
    const std::string there = other.ReadAt(from, bytes);
    return there.size() == bytes && ReadAt(from, bytes) == there;
  };
  const auto head = static_cast<std::size_t>(std::min<std::uint64_t>(size, kHeadBytes));
  const auto tail = static_cast<std::size_t>(std::min<std::uint64_t>(size, kMarkerBytes));
  return same(0, head) && same(size - tail, tail);
}

void LogFile::Resume(const Checkpoint& checkpoint) {
  StartAt(checkpoint.resume_offset());
  accepted = checkpoint.accepted;
  skip_before = checkpoint.accepted;
}

void LogFile::StartAt(std::uint64_t from) {
  offset = from;
  accepted = skip_before = {from, from};
  const std::string head =
      ReadAt(0, static_cast<std::size_t>(std::min<std::uint64_t>(from, kHeadBytes)));
  head_bytes_ = static_cast<std::uint16_t>(head.size());
  head_hash_ = Hash64(head);
  if (gz_) return;
  const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(from, kMarkerBytes));
  const std::string marker = ReadAt(from - size, size);
  marker_bytes_ = static_cast<std::uint16_t>(marker.size());
  marker.copy(marker_.data(), marker.size());
}

bool LogFile::CheckHead() {
  if (gz_) return true;
  char head[kHeadBytes];
  const ssize_t read = pread(fd_, head, sizeof head, 0);
  if (read < head_bytes_) return false;
  if (head_bytes_ != 0 && Hash64({head, head_bytes_}) != head_hash_) return false;
  if (read > head_bytes_) {
    head_bytes_ = static_cast<std::uint16_t>(read);
    head_hash_ = Hash64({head, head_bytes_});
  }
  return true;
}

LogFile::Read LogFile::Fill(char* buffer, std::size_t bytes_max, std::string_view* fresh) {
  const std::uint64_t from = scan_offset();
  if (gz_) {
    std::size_t got = 0;
    const auto read = gz_->ReadAt(from, buffer, bytes_max, &got);
    *fresh = {buffer, got};
    switch (read) {
      case GzReader::Read::kBytes:
        if (from == 0) {
          head_bytes_ = static_cast<std::uint16_t>(std::min(got, kHeadBytes));
          head_hash_ = Hash64({buffer, head_bytes_});
        }
        stat.size = std::max(stat.size, from + got);
        damaged = gz_->failed();
        return Read::kBytes;
      case GzReader::Read::kMore:
        return Read::kMore;
      case GzReader::Read::kEnd:
        return Read::kEnd;
      case GzReader::Read::kError:
        damaged = true;
        return Read::kEnd;
    }
  }
  if (!CheckHead()) return Read::kRewritten;
  const ssize_t read =
      pread(fd_, buffer, marker_bytes_ + bytes_max, static_cast<off_t>(from - marker_bytes_));
  if (read < 0) return Read::kError;
  if (read < marker_bytes_ || std::memcmp(buffer, marker_.data(), marker_bytes_) != 0) {
    return Read::kRewritten;
  }
  *fresh = {buffer + marker_bytes_, static_cast<std::size_t>(read) - marker_bytes_};
  stat.size = std::max(stat.size, from + fresh->size());
  return fresh->empty() ? Read::kEnd : Read::kBytes;
}

void LogFile::Consumed(std::string_view fresh, std::size_t bytes) {
  if (gz_) return;
  // The old marker stands just before fresh in the buffer.
  const std::size_t size = std::min<std::size_t>(marker_bytes_ + bytes, kMarkerBytes);
  std::memmove(marker_.data(), fresh.data() + bytes - size, size);
  marker_bytes_ = static_cast<std::uint16_t>(size);
}

void LogFile::Reset() {
  offset = 0;
  accepted = skip_before = {0, 0};
  long_line.reset();
  head_bytes_ = marker_bytes_ = 0;
  head_hash_ = 0;
  has_data = true;
}

Checkpoint LogFile::MakeCheckpoint(std::uint64_t path_hash) const {
  return {.path_hash = path_hash,
          .birth_ns = stat.birth_ns,
          .modified_ns = stat.modified_ns,
          .head_hash = head_hash_,
          .marker_hash = Hash64({marker_.data(), marker_bytes_}),
          .read_offset = scan_offset(),
          .size_seen = stat.size,
          .accepted = accepted,
          .head_bytes = head_bytes_,
          .marker_bytes = marker_bytes_,
          .done = false};
}

}  // namespace opssight
