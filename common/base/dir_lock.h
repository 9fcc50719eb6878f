// DirLock keeps a data folder to one process: two that write the same files would each
// undo the other's "exactly once". Held until destroyed, or the process ends in any way.
#pragma once

#include <string>

#include "common/base/result.h"

namespace opssight {

class DirLock {
 public:
  // Makes dir where it is not there, and locks <dir>/lock, in which the holder's pid
  // stands. kUnavailable: another process holds it; the message names it.
  static Result<DirLock> Take(const std::string& dir);

  DirLock() = default;  // None.
  DirLock(DirLock&& other) noexcept;
  DirLock& operator=(DirLock&& other) noexcept;
  ~DirLock();

 private:
  explicit DirLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace opssight
