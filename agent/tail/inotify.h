// Inotify watches directories for the tailer. It owns the inotify descriptor and knows no
// loop: wait until fd() is readable, then Drain().
//
// Watched are the writing to, making, moving and removing of what is in a directory, not
// below it. The kernel's queue is bounded: Drain() says when it overflowed.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "agent/tail/tailer.h"
#include "common/base/result.h"

namespace opssight {

class Inotify final : public DirWatcher {
 public:
  static Result<std::unique_ptr<Inotify>> Open();
  ~Inotify() override;
  Inotify(const Inotify&) = delete;
  Inotify& operator=(const Inotify&) = delete;

  bool Watch(const std::string& dir) override;
  void Unwatch(const std::string& dir) override;

  int fd() const { return fd_; }
  // Hands over what is there. Does not wait.
  void Drain(Tailer& tailer);

 private:
  explicit Inotify(int fd) : fd_(fd) {}

  const int fd_;
  std::unordered_map<std::string, int> by_dir_;
  std::unordered_map<int, std::string> by_watch_;
};

}  // namespace opssight
