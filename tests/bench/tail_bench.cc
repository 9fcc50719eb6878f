// What tailing costs: CPU-seconds per GB read, split, parsed and handed to a sink that
// only counts.
//
//   tail_bench [docker|cri|plain] [megabytes]
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/resource.h>

#include <fmt/core.h>

#include "agent/tail/tailer.h"
#include "common/base/clock.h"
#include "tests/support/null_sink.h"

namespace opssight {
namespace {

class CountingSink final : public NullSink, public PositionReader {
 public:
  void AcceptLogs(LogRows rows, std::vector<Position>) override {
    lines += rows.rows.size();
    bytes += rows.text.size();
  }
  Result<std::vector<Position>> ReadPositions(std::string_view) const override {
    return std::vector<Position>{};
  }
  std::uint64_t lines = 0;
  std::uint64_t bytes = 0;
};

// A JSON line of about 370 bytes, as the product's services log.
std::string JsonLine(std::uint64_t i) {
  return fmt::format(
      R"({{"timestamp":"2026-01-01T00:00:{:02}.{:03}Z","level":"INFO","service":"backend",)"
      R"("message":"Request completed","request_id":"req-{:016x}","user_id":"user_{}",)"
      R"("method":"GET","path":"/api/v1/orders/{}","status":200,"duration_ms":{},)"
      R"("trace_id":"{:032x}","span_id":"{:016x}","ip":"10.0.{}.{}","agent":"Mozilla/5.0 <x>"}})",
      i / 1000 % 60, i % 1000, i * 0x9e3779b97f4a7c15ULL, i % 5000, i % 90'000, i % 1000, i * 77,
      i * 0xbf58476d1ce4e5b9ULL, i % 256, i / 256 % 256);
}

// As Go's encoding/json writes it.
std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '<' || c == '>') {
      out += c == '<' ? "\\u003c" : "\\u003e";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string Record(const std::string& format, std::uint64_t i) {
  const std::string line = JsonLine(i);
  const std::string time = fmt::format("2026-01-01T00:00:00.{:09}Z", i % 1'000'000'000);
  if (format == "docker") {
    return fmt::format(R"({{"log":"{}\n","stream":"stdout","time":"{}"}})", Escaped(line), time) +
           "\n";
  }
  if (format == "cri") return fmt::format("{} stdout F {}\n", time, line);
  return line + "\n";
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

int Run(const std::string& format, std::uint64_t megabytes) {
  std::string root = (std::filesystem::temp_directory_path() / "tail-bench-XXXXXX").string();
  if (mkdtemp(root.data()) == nullptr) return 1;
  const std::string dir = format == "docker" ? "/var/lib/docker/containers/c1"
                          : format == "cri"  ? "/var/log/pods/shop_web_1/nginx"
                                             : "/var/log";
  const std::string file = format == "docker" ? "/c1-json.log" : "/0.log";
  std::filesystem::create_directories(root + dir);
  if (format == "docker") {
    std::ofstream(root + dir + "/config.v2.json") << R"({"ID":"c1","Name":"/web","Config":{}})";
  }
  std::uint64_t size = 0;
  {
    std::string block;
    for (std::uint64_t i = 0; block.size() < (8UL << 20); ++i) block += Record(format, i);
    std::ofstream out(root + dir + file, std::ios::binary);
    for (; size < megabytes << 20; size += block.size()) out << block;
  }
  TailOptions options;
  options.host_root = root;
  options.files.push_back({.globs = {"/var/log/*.log"}, .labels = {}});
  CountingSink sink;
  auto tailer = Tailer::Create(options, sink, sink, nullptr);
  if (!tailer) return 1;
  Clock& clock = Clock::System();
  const double before = CpuSeconds();
  std::int64_t slowest_ns = 0;
  while (true) {
    const std::int64_t start = clock.SteadyNs();
    const auto wait = (*tailer)->Tick({.steady_ms = clock.SteadyMs(), .wall_ns = clock.WallNs()});
    slowest_ns = std::max(slowest_ns, clock.SteadyNs() - start);
    if (wait != 0) break;
  }
  const double used = CpuSeconds() - before;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf(
      "%s: %.0f MB, %llu lines, %.0f B of text a line: %.2f CPU-s/GB, slowest tick %.1f ms, peak "
      "%ld MB\n",
      format.c_str(), static_cast<double>(size) / 1e6, static_cast<unsigned long long>(sink.lines),
      static_cast<double>(sink.bytes) / static_cast<double>(sink.lines),
      used / static_cast<double>(size) * 1e9, static_cast<double>(slowest_ns) / 1e6,
      usage.ru_maxrss / 1024);
  std::filesystem::remove_all(root);
  return sink.lines == (*tailer)->stats().lines && (*tailer)->stats().malformed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace opssight

int main(int argc, char** argv) {
  const std::string format = argc > 1 ? argv[1] : "docker";
  return opssight::Run(format, argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1024);
}
