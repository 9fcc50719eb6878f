// A directory as a host's /, a sink that remembers, and a tailer over both, driven by
// Tick(). Time is the test's; so is every crash.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>
#include <zlib.h>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "agent/tail/tailer.h"
#include "common/base/clock.h"
#include "tests/support/null_sink.h"

namespace opssight {

// Each AcceptLogs is one transaction: the strictest a spool can be.
class MemorySink final : public NullSink, public PositionReader {
 public:
  struct Call {
    LogRows rows;
    std::vector<Position> positions;
  };

  void AcceptLogs(LogRows rows, std::vector<Position> positions) override {
    calls.push_back({std::move(rows), std::move(positions)});
  }
  void AcceptGap(Gap gap) override { gaps.push_back(std::move(gap)); }
  bool Congested() const override { return congested || calls.size() >= calls_max; }

  Result<std::vector<Position>> ReadPositions(std::string_view prefix) const override {
    std::map<std::string, std::string> all;
    for (const Call& call : calls) {
      for (const Position& position : call.positions) {
        if (position.value) {
          all[position.key] = *position.value;
        } else {
          all.erase(position.key);
        }
      }
    }
    for (const auto& [key, value] : override_positions) all[key] = value;
    std::vector<Position> positions;
    for (const auto& [key, value] : all) {
      if (key.starts_with(prefix)) positions.push_back({key, value});
    }
    return positions;
  }

  // Lines of streams whose label has value ("" for all), as they came.
  std::vector<std::string> Lines(std::string_view label = "", std::string_view value = "") const {
    std::vector<std::string> lines;
    for (const Call& call : calls) {
      if (!label.empty() && call.rows.stream->Get(label) != value) continue;
      std::size_t begin = 0;
      for (const LogRows::Row& row : call.rows.rows) {
        lines.push_back(call.rows.text.substr(begin, row.end - begin));
        begin = row.end;
      }
    }
    return lines;
  }

  std::vector<Call> calls;
  std::vector<Gap> gaps;
  bool congested = false;
  std::size_t calls_max = ~std::size_t{0};
  std::map<std::string, std::string> override_positions;
};

class TailWorld : public testing::Test {
 protected:
  TailWorld() {
    std::string name = (std::filesystem::temp_directory_path() / "tail-XXXXXX").string();
    root = mkdtemp(name.data());
    options.host_root = root;
    options.host = "h1";
  }
  ~TailWorld() override {
    tailer.reset();
    std::filesystem::permissions(root, std::filesystem::perms::owner_all);
    std::filesystem::remove_all(root);
  }

  // ---- the host

  std::string Real(const std::string& path) const { return root + path; }
  void MakeDir(const std::string& path) { std::filesystem::create_directories(Real(path)); }
  void Append(const std::string& path, const std::string& text) {
    MakeDir(path.substr(0, path.rfind('/')));
    std::ofstream(Real(path), std::ios::app | std::ios::binary) << text;
  }
  void Replace(const std::string& path, const std::string& text) {
    MakeDir(path.substr(0, path.rfind('/')));
    std::ofstream(Real(path), std::ios::trunc | std::ios::binary) << text;
  }
  void Rename(const std::string& from, const std::string& to) {
    std::filesystem::rename(Real(from), Real(to));
  }
  void Link(const std::string& from, const std::string& to) {
    std::filesystem::create_hard_link(Real(from), Real(to));
  }
  void Remove(const std::string& path) { std::filesystem::remove_all(Real(path)); }
  void Copy(const std::string& from, const std::string& to) {
    std::filesystem::copy_file(Real(from), Real(to),
                               std::filesystem::copy_options::overwrite_existing);
  }
  void Truncate(const std::string& path) { std::filesystem::resize_file(Real(path), 0); }
  void CopyTruncate(const std::string& path) {
    Copy(path, path + ".1");
    Truncate(path);
  }
  void Gzip(const std::string& path) {
    std::ifstream in(Real(path), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    gzFile out = gzopen(Real(path + ".gz").c_str(), "wb");
    gzwrite(out, text.data(), static_cast<unsigned>(text.size()));
    gzclose(out);
    Remove(path);
  }

  // "1\n2\n…": lines first to last.
  static std::string Numbers(int first, int last) {
    std::string text;
    for (int i = first; i <= last; ++i) text += fmt::format("line {}\n", i);
    return text;
  }
  static std::vector<std::string> NumberLines(int first, int last) {
    std::vector<std::string> lines;
    for (int i = first; i <= last; ++i) lines.push_back(fmt::format("line {}", i));
    return lines;
  }
  // One record of Docker, of CRI. text is as it stands in the record.
  static std::string Docker(const std::string& text, const std::string& stream = "stdout") {
    return fmt::format(R"({{"log":"{}","stream":"{}","time":"2026-01-01T00:00:00Z"}})", text,
                       stream) +
           "\n";
  }
  static std::string Cri(const std::string& tag, const std::string& text,
                         const std::string& stream = "stdout") {
    return fmt::format("2026-01-01T00:00:00Z {} {} {}\n", stream, tag, text);
  }
  void MakeContainer(const std::string& id, const std::string& name) {
    Append("/var/lib/docker/containers/" + id + "/config.v2.json",
           fmt::format(R"({{"ID":"{}","Name":"/{}","Config":{{"Image":"img:1","Labels":{{)"
                       R"("com.docker.compose.service":"svc","other":"x"}}}}}})",
                       id, name));
  }
  static std::string DockerLog(const std::string& id) {
    return "/var/lib/docker/containers/" + id + "/" + id + "-json.log";
  }

  // ---- the agent

  void Follow(std::vector<std::string> globs) {
    options.files.push_back({.globs = std::move(globs), .labels = {}});
  }
  void Start() {
    auto created = Tailer::Create(options, sink, sink, watcher);
    ASSERT_TRUE(created.has_value()) << created.error().message;
    tailer = *std::move(created);
    Settle();
  }
  // Until nothing is left to do at this time.
  void Settle() {
    for (int i = 0; i < 100'000; ++i) {
      now.wall_ns = Clock::System().WallNs();  // As the times of the files.
      const std::int64_t wait_ms = tailer->Tick(now);
      if (wait_ms != 0) return;
    }
    FAIL() << "the tailer does not come to rest";
  }
  // Time goes on in steps of the poll.
  void Pass(std::int64_t ms) {
    for (std::int64_t end = now.steady_ms + ms; now.steady_ms < end;) {
      now.steady_ms += options.poll_ms;
      Settle();
    }
  }
  void Stop() {
    tailer->Flush();
    tailer.reset();
  }
  // What the sink took after its first `calls` calls did not reach the disk.
  void Crash(std::size_t calls) {
    tailer.reset();
    sink.calls.resize(calls);
  }
  void Restart() {
    Stop();
    Start();
  }

  std::vector<std::string> Lines(std::string_view label = "", std::string_view value = "") const {
    return sink.Lines(label, value);
  }
  // Files with a stored checkpoint.
  std::size_t Known() const {
    std::size_t known = 0;
    const auto positions = sink.ReadPositions("tail/");
    for (const Position& position : *positions) known += ParseCheckpointKey(position.key) ? 1 : 0;
    return known;
  }
  const TailStats& stats() const { return tailer->stats(); }

  std::string root;
  TailOptions options;
  MemorySink sink;
  DirWatcher* watcher = nullptr;
  TailTime now{.steady_ms = 1'000'000, .wall_ns = Clock::System().WallNs()};
  std::unique_ptr<Tailer> tailer;
};

}  // namespace opssight
