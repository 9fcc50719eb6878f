// Writes log files as kubelet and Docker do.
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <fmt/core.h>

#include "common/base/check.h"
#include "common/bytes/hash.h"
#include "common/text/time.h"
#include "tests/faults/generator.h"

namespace opssight::faults {
namespace {

constexpr auto kTurn = std::chrono::milliseconds(10);

class LogFile final : public Generator {
 public:
  LogFile(Source source, const LogFileOptions& options)
      : source_(std::move(source)), options_(options), thread_([this] { Run(); }) {}
  ~LogFile() override { Stop(std::chrono::seconds(0)); }

  bool Stop(std::chrono::seconds) override {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return failure_.empty();
  }
  const Source& source() const override { return source_; }
  std::uint64_t emitted() const override { return emitted_; }
  std::uint64_t retried() const override { return 0; }
  std::string failure() const override { return failure_; }

 private:
  void Run();
  void Open();
  void Rotate();
  void Shift();
  std::string Record(std::uint64_t n) const;
  std::string CriRecord(std::uint64_t n) const;

  const Source source_;
  const LogFileOptions options_;
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> emitted_{0};
  std::string failure_;
  std::string path_;
  int fd_ = -1;
  int rotations_ = 0;
  std::thread thread_;  // Last: uses the above.
};

void LogFile::Open() {
  namespace fs = std::filesystem;
  if (source_.kind == SourceKind::kCri) {
    const std::string folder = fmt::format("{}/pods/faults_{}_0/app", options_.dir, source_.name);
    fs::create_directories(folder);
    path_ = folder + "/0.log";
  } else if (source_.kind == SourceKind::kFile) {
    fs::create_directories(options_.dir + "/files");
    path_ = fmt::format("{}/files/{}.log", options_.dir, source_.name);
  } else {
    const std::string id = ToHex(HashOf128(source_.name)) + ToHex(HashOf128(source_.name + "2"));
    const std::string folder = fmt::format("{}/docker/{}", options_.dir, id);
    fs::create_directories(folder);
    std::ofstream(folder + "/config.v2.json") << fmt::format(
        R"({{"ID":"{}","Name":"/{}","Config":{{"Image":"faults:1","Labels":{{}}}}}})", id,
        source_.name);
    path_ = fmt::format("{}/{}-json.log", folder, id);
  }
  fd_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  OPS_CHECK(fd_ >= 0, "open {}: {}", path_, std::strerror(errno));
}

void LogFile::Shift() {
  for (int i = rotations_ - 1; i >= 1; --i) {
    std::filesystem::rename(fmt::format("{}.{}", path_, i), fmt::format("{}.{}", path_, i + 1));
  }
}

// kubelet: 0.log.<time>; Docker: -json.log.1, .2, … shifted; logrotate's copytruncate.
void LogFile::Rotate() {
  ++rotations_;
  if (source_.kind == SourceKind::kFile) {
    Shift();
    std::filesystem::copy_file(path_, path_ + ".1");
    OPS_CHECK(ftruncate(fd_, 0) == 0, "truncate {}: {}", path_, std::strerror(errno));
    return;
  }
  close(fd_);
  if (source_.kind == SourceKind::kCri) {
    std::filesystem::rename(path_,
                            fmt::format("{}.20260101-{:02}{:02}{:02}", path_, rotations_ / 3600,
                                        rotations_ / 60 % 60, rotations_ % 60));
  } else {
    Shift();
    std::filesystem::rename(path_, path_ + ".1");
  }
  Open();
}

// Each seventh line comes in two parts.
std::string LogFile::CriRecord(std::uint64_t n) const {
  const std::string time = FormatRfc3339Ns(source_.TimeNs(n));
  const std::string line = source_.Line(n);
  if (n % 7 != 0) return fmt::format("{} stdout F {}\n", time, line);
  const std::size_t half = line.size() / 2;
  return fmt::format("{0} stdout P {1}\n{0} stdout F {2}\n", time, line.substr(0, half),
                     line.substr(half));
}

std::string LogFile::Record(std::uint64_t n) const {
  if (source_.kind == SourceKind::kCri) return CriRecord(n);
  if (source_.kind == SourceKind::kFile) return source_.Line(n) + "\n";
  return fmt::format("{{\"log\":\"{}\\n\",\"stream\":\"stdout\",\"time\":\"{}\"}}\n",
                     source_.Line(n), FormatRfc3339Ns(source_.TimeNs(n)));
}

void LogFile::Run() {
  Open();
  const auto start = std::chrono::steady_clock::now();
  std::uint64_t n = 0;
  while (!stop_) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                        std::chrono::steady_clock::now() - start)
                        .count();
    const std::uint64_t due = static_cast<std::uint64_t>(ms) * options_.lines_per_second / 1000;
    for (; n < due && !stop_; emitted_ = ++n) {
      const std::string record = Record(n + 1);
      if (write(fd_, record.data(), record.size()) != static_cast<ssize_t>(record.size())) {
        failure_ = fmt::format("write {}: {}", path_, std::strerror(errno));
        return;
      }
      if ((n + 1) % options_.rotate_after == 0) Rotate();
    }
    std::this_thread::sleep_for(kTurn);  // The rate.
  }
  close(fd_);
}

}  // namespace

std::unique_ptr<Generator> StartLogFile(Source source, const LogFileOptions& options) {
  return std::make_unique<LogFile>(std::move(source), options);
}

}  // namespace opssight::faults
