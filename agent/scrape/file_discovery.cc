#include "agent/scrape/file_discovery.h"

#include <glob.h>
#include <set>
#include <utility>

#include <uv.h>

#include "common/base/files.h"
#include "common/base/log.h"
#include "common/bytes/hash.h"

namespace opssight {
namespace {

constexpr std::size_t kFileBytesMax = 4UL << 20;
constexpr std::int64_t kSoonMs = 100;

std::set<std::string> Expand(const std::vector<std::string>& globs) {
  std::set<std::string> paths;
  for (const std::string& pattern : globs) {
    glob_t found{};
    if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
      for (std::size_t i = 0; i < found.gl_pathc; ++i) paths.insert(found.gl_pathv[i]);
    }
    globfree(&found);
  }
  return paths;
}

}  // namespace

// A folder under watch; deletes itself once libuv has let go of it.
struct FileDiscovery::Watch {
  uv_fs_event_t handle{};
  FileDiscovery* owner = nullptr;

  void Close() {
    owner = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(&handle),
             [](uv_handle_t* closed) { delete static_cast<Watch*>(closed->data); });
  }
};

FileDiscovery::FileDiscovery(Loop& loop, FileDiscoveryOptions options, OnTargets on_targets,
                             std::function<void()> failed)
    : loop_(loop),
      options_(std::move(options)),
      on_targets_(std::move(on_targets)),
      failed_(std::move(failed)),
      refresh_(loop),
      soon_(loop) {}

FileDiscovery::~FileDiscovery() {
  Unwatch();
}

void FileDiscovery::Unwatch() {
  for (Watch* watch : watches_) watch->Close();
  watches_.clear();
}

void FileDiscovery::Start() {
  loop_.AssertHere();
  Refresh();
  refresh_.Start(options_.refresh_ms, options_.refresh_ms, [this] {
    loop_.AssertHere();
    Refresh();
  });
}

void FileDiscovery::Refresh() {
  WatchDirs();  // Before reading: what changes meanwhile is read again.
  const std::set<std::string> paths = Expand(options_.files);
  for (auto it = read_.begin(); it != read_.end();) {
    if (paths.contains(it->first)) {
      ++it;
      continue;
    }
    on_targets_(it->first, {});
    it = read_.erase(it);
  }
  for (const std::string& path : paths) ReadOne(path);
}

void FileDiscovery::ReadOne(const std::string& path) {
  const auto refuse = [&](const Error& why) {
    failed_();
    OPS_LOG_EVERY(60, kWarn, "scrape: {}; the targets it had stay", why.message);  // Names it.
  };
  const Result<std::string> text = ReadFile(path, kFileBytesMax);
  if (!text) return refuse(text.error());
  const std::uint64_t hash = Hash64(*text);
  const auto known = read_.find(path);
  if (known != read_.end() && known->second == hash) return;
  Result<std::vector<TargetLabels>> targets = ParseTargetFile(path, *text);
  if (!targets) return refuse(targets.error());
  read_.insert_or_assign(path, hash);
  on_targets_(path, *std::move(targets));
}

// Anew each time: a folder may have been replaced by another of its name.
void FileDiscovery::WatchDirs() {
  Unwatch();
  std::set<std::string> folders;
  for (const std::string& pattern : options_.files) folders.insert(FolderOf(pattern));
  for (const std::string& path : Expand({folders.begin(), folders.end()})) {
    auto* watch = new Watch;
    watch->owner = this;
    watch->handle.data = watch;
    if (uv_fs_event_init(loop_.handle(), &watch->handle) != 0) {
      delete watch;
      return;
    }
    const auto changed = [](uv_fs_event_t* handle, const char*, int, int) {
      FileDiscovery* owner = static_cast<Watch*>(handle->data)->owner;
      // Under way already: not put off, or a file that is always written is never read.
      if (owner == nullptr || owner->soon_.active()) return;
      owner->soon_.Start(kSoonMs, 0, [owner] {
        owner->loop_.AssertHere();
        owner->Refresh();
      });
    };
    if (uv_fs_event_start(&watch->handle, changed, path.c_str(), 0) != 0) {
      watch->Close();  // The interval still finds changes.
      continue;
    }
    watches_.push_back(watch);
  }
}

}  // namespace opssight
