// A thread that emits a source's records in order, at a rate, until it is stopped.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "tests/faults/source.h"

namespace opssight::faults {

class Generator {
 public:
  virtual ~Generator() = default;
  // The thread ends when all it began is emitted; false where that took too long or the
  // agent refused for good (failure() says what).
  virtual bool Stop(std::chrono::seconds limit) = 0;
  virtual const Source& source() const = 0;
  virtual std::uint64_t emitted() const = 0;  // Any thread.
  virtual std::uint64_t retried() const = 0;  // After Stop().
  virtual std::string failure() const = 0;    // After Stop().
};

// Lines into a container's log file, which is rotated after so many lines. Nothing of
// what was rotated away is deleted.
struct LogFileOptions {
  std::string dir;  // ProgramOptions::folder.
  std::uint64_t lines_per_second = 200;
  std::uint64_t rotate_after = 1000;
};
std::unique_ptr<Generator> StartLogFile(Source source, const LogFileOptions& options);

// Spans or points by OTLP/HTTP (JSON). A record counts as emitted once the agent has
// answered success; without an answer, or told to wait, it sends the same again.
struct OtlpOptions {
  int port = 0;
  std::uint64_t records_per_second = 200;
};
std::unique_ptr<Generator> StartOtlp(Source source, const OtlpOptions& options);

}  // namespace opssight::faults
