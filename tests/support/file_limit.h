// No file can grow beyond some bytes while this lives: what a full disk does to LMDB.
#pragma once

#include <csignal>
#include <cstdint>
#include <sys/resource.h>

namespace opssight {

class FileLimit {
 public:
  explicit FileLimit(std::uint64_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);  // So that a write answers EFBIG.
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit tight = before_;
    tight.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &tight);
  }
  ~FileLimit() { setrlimit(RLIMIT_FSIZE, &before_); }
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;

 private:
  rlimit before_{};
};

}  // namespace opssight
