#include "agent/collect/host_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "agent/collect/fields.h"
#include "common/bytes/hash.h"

namespace opssight {
namespace {

constexpr std::size_t kBufferBytes = 64UL << 10;
constexpr std::size_t kPageBytes = 4096;

bool IsGone(int error) {
  return error == ENOENT || error == ENODEV || error == ENOTDIR || error == ESRCH;
}

std::uint64_t FileSystemOf(int fd) {
  struct statfs stats {};
  return fstatfs(fd, &stats) == 0 ? static_cast<std::uint64_t>(stats.f_type) : 0;
}

// A file here keeps speaking of the same thing while it is open, and says when it is gone.
bool IsKernel(std::uint64_t type) {
  return type == PROC_SUPER_MAGIC || type == SYSFS_MAGIC || type == CGROUP_SUPER_MAGIC ||
         type == CGROUP2_SUPER_MAGIC;
}

int OpenFile(const std::string& path) {
  return open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

}  // namespace

std::size_t HostFiles::TextHash::operator()(std::string_view text) const {
  return Hash64(text);
}

HostFiles::~HostFiles() {
  for (auto& [path, entry] : entries_) Close(entry);
}

void HostFiles::Close(Entry& entry) {
  if (entry.fd < 0) return;
  (void)close(std::exchange(entry.fd, -1));
  --open_files_;
}

void HostFiles::NextRound() {
  ++round_;
  if (round_ % kForgetRounds != 0) return;
  for (auto it = entries_.begin(); it != entries_.end();) {
    if (it->second.used_round + kForgetRounds > round_) {
      ++it;
      continue;
    }
    Close(it->second);
    it = entries_.erase(it);
  }
}

HostFiles::Entry& HostFiles::EntryOf(std::string_view path, std::string_view name) {
  full_.assign(root_).append(path);
  if (!name.empty()) full_.append(1, '/').append(name);
  auto it = entries_.find(std::string_view(full_));
  if (it == entries_.end()) it = entries_.emplace(full_, Entry{}).first;
  it->second.used_round = round_;
  return it->second;
}

Error HostFiles::Absent(Entry& entry) {
  Close(entry);
  entry.absent = true;
  entry.due_round = round_ + kSlowRounds;
  return NotFound("not there");  // Short: the answer of a feature the kernel has not, each round.
}

Result<int> HostFiles::OpenEntry(Entry& entry) {
  if (entry.fd >= 0) return entry.fd;
  if (entry.absent && round_ < entry.due_round) return NotFound("not there");
  const int fd = OpenFile(full_);
  if (fd < 0) {
    if (IsGone(errno)) return Absent(entry);
    return IoError("open " + full_, errno);
  }
  entry.absent = false;
  entry.fd = fd;
  ++open_files_;
  entry.whole = FileSystemOf(fd) == SYSFS_MAGIC;
  return fd;
}

Result<std::string_view> HostFiles::ReadAll(Entry& entry, int& error) {
  if (buffer_.size() < kBufferBytes) buffer_.resize(kBufferBytes);
  std::size_t size = 0;
  // Not the whole buffer: files of /proc/sys allocate and clear as much as is asked for.
  std::size_t piece = std::min(kBufferBytes, (entry.bytes / kPageBytes + 1) * kPageBytes);
  for (;;) {
    if (size == buffer_.size()) {
      if (size >= kFileBytesMax) return Exhausted(fmt::format("{}: over {} bytes", full_, size));
      buffer_.resize(size * 2);
    }
    const std::size_t room = std::min(piece, buffer_.size() - size);
    const ssize_t got = pread(entry.fd, buffer_.data() + size, room, static_cast<off_t>(size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      error = errno;
      return IoError("read " + full_, error);
    }
    size += static_cast<std::size_t>(got);
    if (got == 0 || (entry.whole && static_cast<std::size_t>(got) < room)) {
      entry.bytes = size;
      return std::string_view(buffer_).substr(0, size);
    }
    if (static_cast<std::size_t>(got) == room) piece = std::min(kBufferBytes, piece * 2);
  }
}

Result<std::string_view> HostFiles::ReadEntry(Entry& entry, bool keep) {
  const bool opened = entry.fd < 0;
  OPS_TRY(const int fd, OpenEntry(entry));
  int error = 0;
  Result<std::string_view> read = ReadAll(entry, error);
  if (IsGone(error)) {
    Close(entry);
    if (opened) return Absent(entry);
    return ReadEntry(entry, keep);  // What it spoke of is gone; there may be another by now.
  }
  if (opened && (!keep || open_files_ > kOpenMax || !IsKernel(FileSystemOf(fd)))) Close(entry);
  return read;
}

Result<std::string_view> HostFiles::Read(std::string_view path, std::string_view name) {
  return ReadEntry(EntryOf(path, name), true);
}

Result<std::string_view> HostFiles::ReadOnce(std::string_view path, std::string_view name) {
  full_.assign(root_).append(path);
  if (!name.empty()) full_.append(1, '/').append(name);
  Entry entry;
  return ReadEntry(entry, false);
}

Result<std::string_view> HostFiles::ReadSlow(std::string_view path, std::string_view name) {
  Entry& entry = EntryOf(path, name);
  if (round_ >= entry.due_round) {
    const bool first = entry.due_round == 0;
    const auto read = ReadEntry(entry, false);
    entry.absent = !read;
    entry.text.assign(read ? *read : std::string_view());
    // Spread, so that no round has them all.
    entry.due_round = round_ + (first ? 1 + Hash64(full_) % kSlowRounds : kSlowRounds);
  }
  if (entry.absent) return NotFound("not there");
  return std::string_view(entry.text);
}

bool HostFiles::ReadNumber(std::string_view path, std::string_view name, double& value) {
  const auto text = Read(path, name);
  return text && Number(Trim(*text), value);
}

bool HostFiles::ReadSlowNumber(std::string_view path, std::string_view name, double& value) {
  const auto text = ReadSlow(path, name);
  return text && Number(Trim(*text), value);
}

Status HostFiles::ForEachLine(std::string_view path,
                              const std::function<void(std::string_view)>& line) {
  full_.assign(root_).append(path);
  const int fd = OpenFile(full_);
  if (fd < 0) {
    if (IsGone(errno)) return NotFound("not there");
    return IoError("open " + full_, errno);
  }
  if (buffer_.size() < kBufferBytes) buffer_.resize(kBufferBytes);
  const bool proc = FileSystemOf(fd) == PROC_SUPER_MAGIC;
  std::size_t size = 0;  // Of an unfinished line, at the front.
  ssize_t got = 0;
  while (size < buffer_.size()) {
    got = read(fd, buffer_.data() + size, buffer_.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    std::string_view text =
        std::string_view(buffer_).substr(0, size + static_cast<std::size_t>(got));
    for (std::size_t end = text.find('\n'); end != text.npos; end = text.find('\n')) {
      line(text.substr(0, end));
      text.remove_prefix(end + 1);
    }
    size = text.size();
    std::copy(text.begin(), text.end(), buffer_.begin());
    if (proc && static_cast<std::size_t>(got) < kPageBytes / 2) break;
  }
  const int error = got < 0 ? errno : 0;
  (void)close(fd);
  if (error != 0) return IoError("read " + full_, error);
  if (size == buffer_.size())
    return Exhausted(fmt::format("{}: a line over {} bytes", full_, size));
  if (size > 0) line(std::string_view(buffer_).substr(0, size));
  return {};
}

void HostFiles::ForEachName(std::string_view path,
                            const std::function<void(std::string_view, bool)>& name) {
  full_.assign(root_).append(path);
  const int fd = open(full_.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY);
  if (fd < 0) return;
  alignas(dirent64) std::array<char, 16UL << 10> block;  // NOLINT: getdents64 fills it.
  for (;;) {
    const ssize_t got = getdents64(fd, block.data(), block.size());
    if (got <= 0) break;
    for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
      const auto* entry = reinterpret_cast<const dirent64*>(block.data() + at);
      const std::string_view text = entry->d_name;
      if (text != "." && text != "..") name(text, entry->d_type == DT_DIR);
      at += entry->d_reclen;
    }
  }
  (void)close(fd);
}

std::vector<std::string> HostFiles::List(std::string_view path) {
  std::vector<std::string> names;
  ForEachName(path, [&](std::string_view name, bool) { names.emplace_back(name); });
  std::sort(names.begin(), names.end());
  return names;
}

const std::vector<std::string>& HostFiles::ListSlow(std::string_view path) {
  Entry& entry = EntryOf(path, {});
  if (round_ >= entry.due_round) {
    entry.names = List(path);
    entry.due_round = round_ + kSlowRounds;
  }
  return entry.names;
}

std::uint64_t HostFiles::Links(std::string_view path) {
  full_.assign(root_).append(path);
  struct stat stats {};
  return stat(full_.c_str(), &stats) == 0 ? stats.st_nlink : 0;
}

void HostFiles::ListDirs(std::string_view path, std::vector<std::string>& names) {
  names.clear();
  // "." and the name in the parent: no ".." of a subdirectory. Some file systems say 1 always.
  if (const std::uint64_t links = Links(path); links == 0 || links == 2) return;
  ForEachName(path, [&](std::string_view name, bool is_dir) {
    if (is_dir) names.emplace_back(name);
  });
}

}  // namespace opssight
