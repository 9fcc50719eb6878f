// A child process of a test: started with its output in a file, ended by its pid.
// The destructor kills what still runs, and so does the kernel if the test dies.
#pragma once

#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "common/base/result.h"

namespace opssight {

class Process {
 public:
  struct Options {
    std::string output;                    // File that stdout and stderr are appended to.
    std::vector<std::string> environment;  // "NAME=value", beside the test's own.
    std::vector<std::pair<int, std::uint64_t>> limits;  // setrlimit: resource, value.
  };
  static Result<Process> Start(const std::vector<std::string>& argv, const Options& options);

  Process() = default;  // None.
  Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}
  Process& operator=(Process&& other) noexcept;
  ~Process() { KillAndWait(); }

  pid_t pid() const { return pid_; }
  bool running();           // False also where there is none.
  void Signal(int number);  // Nothing where it has ended.
  int Wait();               // Exit status, or 128 + signal.
  void KillAndWait();       // SIGKILL.

 private:
  explicit Process(pid_t pid) : pid_(pid) {}
  pid_t pid_ = 0;
  int status_ = 0;
};

// Runs a program to its end; its stdout. kIo with what it said otherwise.
Result<std::string> Run(const std::vector<std::string>& argv);

// A TCP port of 127.0.0.1 that is free now and that no other test gets while this process
// lives; one thread.
int FreePort();

}  // namespace opssight
