#include "agent/tail/host_fs.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <deque>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/base/clock.h"

namespace opssight {
namespace {

constexpr int kLinksMax = 40;
constexpr int kDepthMax = 16;

FileStat FromStatx(const struct statx& st) {
  const auto ns = [](const statx_timestamp& time) {
    return time.tv_sec * kNsPerSecond + static_cast<std::int64_t>(time.tv_nsec);
  };
  return {.id = {.device = makedev(st.stx_dev_major, st.stx_dev_minor), .inode = st.stx_ino},
          .birth_ns = (st.stx_mask & STATX_BTIME) != 0 ? ns(st.stx_btime) : 0,
          .modified_ns = ns(st.stx_mtime),
          .size = st.stx_size,
          .deleted = st.stx_nlink == 0,
          .regular = S_ISREG(st.stx_mode),
          .directory = S_ISDIR(st.stx_mode)};
}

Result<FileStat> Stat(int fd, const char* path, int flags, std::string_view what) {
  struct statx st {};
  if (statx(fd, path, flags, STATX_BASIC_STATS | STATX_BTIME, &st) == 0) return FromStatx(st);
  const int error = errno;
  if (error == ENOENT || error == ENOTDIR) return NotFound("stat " + std::string(what));
  return IoError("stat " + std::string(what), error);
}

// Components of path to the front of `to`.
void Prepend(std::string_view path, std::deque<std::string>& to) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    if (slash != 0) parts.emplace_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  to.insert(to.begin(), parts.begin(), parts.end());
}

struct Entry {
  std::string name;
  unsigned char type;
};

std::vector<Entry> ReadDir(const std::string& path) {
  std::vector<Entry> entries;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(path.c_str()), closedir);
  if (!dir) return entries;
  while (const dirent* entry = readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") entries.push_back({std::string(name), entry->d_type});
  }
  return entries;
}

bool IsPattern(std::string_view text) {
  return text.find_first_of("*?[") != std::string_view::npos;
}

// One glob on its way down the tree.
class Expansion {
 public:
  Expansion(const std::string& root, const std::vector<std::string>& parts, GlobFound& found)
      : root_(root), parts_(parts), found_(found) {}

  // Everything under the directory `host` that matches parts_[at...].
  void Walk(const std::string& host, std::size_t at, int depth) {
    const auto real = ResolveUnder(root_, host.empty() ? "/" : host);
    if (!real) return;
    const std::string& part = parts_[at];
    const bool last = at + 1 == parts_.size();
    if (!IsPattern(part)) {
      Literal(host, *real, at);
      return;
    }
    found_.dirs.insert(real->path);
    const bool any_depth = part == "**";
    if (any_depth && !last) Walk(host, at + 1, depth);
    for (const Entry& entry : ReadDir(real->path)) {
      if (!MatchName(any_depth ? "*" : part, entry.name)) continue;
      const std::string child = host + "/" + entry.name;
      if (any_depth) {
        if (IsDirectory(child, entry.type, /*follow=*/false)) {
          if (depth < kDepthMax) Walk(child, at, depth + 1);
        } else if (last) {
          found_.files.insert(child);
        }
      } else if (!last) {
        if (IsDirectory(child, entry.type, /*follow=*/true)) Walk(child, at + 1, depth);
      } else if (!IsDirectory(child, entry.type, /*follow=*/true)) {
        found_.files.insert(child);
      }
    }
  }

 private:
  void Literal(const std::string& host, const RealPath& real, std::size_t at) {
    const std::string child = host + "/" + parts_[at];
    const auto resolved = ResolveUnder(root_, child);
    const auto stat = resolved ? StatFile(resolved->path) : Result<FileStat>(NotFound(child));
    const bool last = at + 1 == parts_.size();
    if (last || !stat || !stat->directory) found_.dirs.insert(real.path);
    if (!stat) return;
    if (last) {
      if (!stat->directory) found_.files.insert(child);
    } else if (stat->directory) {
      Walk(child, at + 1, 0);
    }
  }

  bool IsDirectory(const std::string& host, unsigned char type, bool follow) const {
    if (type == DT_DIR) return true;
    if (type == DT_REG || (type == DT_LNK && !follow)) return false;
    const auto real = ResolveUnder(root_, host);
    const auto stat = real ? StatFile(real->path) : Result<FileStat>(NotFound(host));
    return stat.has_value() && stat->directory;
  }

  const std::string& root_;
  const std::vector<std::string>& parts_;
  GlobFound& found_;
};

// Small numbers: the larger the older. Both without leading zeros.
bool NumberLess(const std::string& a, const std::string& b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

}  // namespace

Result<FileStat> StatFile(const std::string& path) {
  return Stat(AT_FDCWD, path.c_str(), 0, path);
}

Result<FileStat> StatFd(int fd) {
  return Stat(fd, "", AT_EMPTY_PATH, "an open file");
}

Result<RealPath> ResolveUnder(const std::string& root, std::string_view host_path) {
  RealPath real{.path = root, .linked = false};
  std::deque<std::string> rest;
  Prepend(host_path, rest);
  int links = 0;
  while (!rest.empty()) {
    const std::string part = std::move(rest.front());
    rest.pop_front();
    if (part == ".") continue;
    if (part == "..") {
      if (real.path.size() > root.size()) real.path.erase(real.path.rfind('/'));
      continue;
    }
    const std::string next = real.path + "/" + part;
    char target[PATH_MAX];
    const ssize_t size = readlink(next.c_str(), target, sizeof target);
    if (size < 0) {
      if (errno == ENOENT || errno == ENOTDIR) return NotFound("find " + next);
      if (errno != EINVAL) return IoError("find " + next, errno);
      real.path = next;  // No symlink.
      continue;
    }
    if (++links > kLinksMax) return IoError("find " + next, ELOOP);
    real.linked = true;
    const std::string_view link(target, static_cast<std::size_t>(size));
    if (link.starts_with('/')) real.path = root;
    Prepend(link, rest);
  }
  if (real.path.empty()) real.path = "/";
  return real;
}

void ExpandGlob(const std::string& root, const std::string& pattern, GlobFound& found) {
  std::deque<std::string> split;
  Prepend(pattern, split);
  if (split.empty()) return;
  const std::vector<std::string> parts(split.begin(), split.end());
  Expansion(root, parts, found).Walk("", 0, 0);
}

const std::vector<std::string>& DirNames::Of(const std::string& dir) {
  const auto stat = StatFile(dir);
  const std::int64_t modified_ns = stat ? stat->modified_ns : 0;
  Dir& known = dirs_[dir];
  if (modified_ns == 0 || known.modified_ns != modified_ns) {
    known = {.modified_ns = modified_ns, .names = {}};
    for (Entry& entry : ReadDir(dir)) known.names.push_back(std::move(entry.name));
    std::sort(known.names.begin(), known.names.end());
  }
  return known.names;
}

std::vector<RotatedFile> ListRotated(const std::string& real_path) {
  DirNames names;
  return ListRotated(real_path, names);
}

std::vector<RotatedFile> ListRotated(const std::string& real_path, DirNames& names) {
  const std::size_t slash = real_path.rfind('/');
  const std::string dir = real_path.substr(0, slash + 1);
  const std::string base = real_path.substr(slash + 1);
  std::vector<RotatedFile> files;
  // All of them begin with the live name without its extension.
  const std::string stem = base.substr(0, std::max<std::size_t>(1, base.rfind('.')));
  const std::vector<std::string>& all_names = names.Of(dir);
  for (auto at = std::lower_bound(all_names.begin(), all_names.end(), stem);
       at != all_names.end() && at->starts_with(stem); ++at) {
    auto name = ParseRotatedName(base, *at);
    if (!name) continue;
    const auto stat = StatFile(dir + *at);
    if (!stat || !stat->regular) continue;
    files.push_back({.path = dir + *at, .name = std::move(*name), .stat = *stat});
  }
  std::erase_if(files, [&files](const RotatedFile& file) {
    if (!file.name.gz) return false;
    const std::string plain = file.path.substr(0, file.path.size() - 3);
    return std::any_of(files.begin(), files.end(),
                       [&plain](const RotatedFile& other) { return other.path == plain; });
  });
  const auto all = [&files](RotatedName::Kind kind) {
    return std::all_of(files.begin(), files.end(),
                       [kind](const RotatedFile& file) { return file.name.kind == kind; });
  };
  const bool numbers = all(RotatedName::Kind::kNumber);
  const bool dates = all(RotatedName::Kind::kDate);
  std::sort(files.begin(), files.end(), [=](const RotatedFile& a, const RotatedFile& b) {
    if (numbers) return NumberLess(b.name.digits, a.name.digits);
    if (dates && a.name.digits != b.name.digits) return a.name.digits < b.name.digits;
    if (a.stat.modified_ns != b.stat.modified_ns) return a.stat.modified_ns < b.stat.modified_ns;
    return a.path < b.path;
  });
  return files;
}

Result<std::string> ReadSmallFile(const std::string& path, std::size_t bytes_max) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    if (errno == ENOENT) return NotFound("open " + path);
    return IoError("open " + path, errno);
  }
  std::string text;
  char buffer[16'384];
  ssize_t size = 0;
  while (text.size() <= bytes_max && (size = read(fd, buffer, sizeof buffer)) > 0) {
    text.append(buffer, static_cast<std::size_t>(size));
  }
  const int error = errno;
  close(fd);
  if (size < 0) return IoError("read " + path, error);
  if (text.size() > bytes_max) return Exhausted(path + " is larger than expected");
  return text;
}

}  // namespace opssight
