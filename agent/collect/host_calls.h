// What a round asks the kernel by call and not by file, so that a test can answer for it.
#pragma once

#include <cstdint>
#include <string>
#include <sys/timex.h>
#include <sys/utsname.h>

#include "agent/collect/proc_disk.h"

namespace opssight {

class HostCalls {
 public:
  virtual ~HostCalls() = default;
  // adjtimex(2)'s state (TIME_OK, …, TIME_ERROR), or -1.
  virtual int Timex(timex& out) = 0;
  virtual bool Uname(utsname& out) = 0;
  // False where path cannot be asked; size 0 for what has no size. Waits for a server
  // that does not answer: not for a remote file system.
  virtual bool Filesystem(const std::string& path, FilesystemUsage& out) = 0;
  // The time zone's offset from UTC at a time, and its name.
  virtual double ZoneOffset(std::int64_t time_s, std::string& name) = 0;
  virtual std::int64_t SteadyNs() = 0;

  static HostCalls& System();
};

}  // namespace opssight
