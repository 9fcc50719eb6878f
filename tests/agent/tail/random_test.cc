// A writer that does what writers and rotation tools do, in random order, against a
// tailer that is slow, stopped and killed at random: in the end every line is there
// once. The seed is printed; OPS_SEED=<n> repeats a run.
#include "common/base/random.h"

#include <cstdlib>

#include "common/base/log.h"
#include "tests/agent/tail/tail_world.h"

namespace opssight {
namespace {

constexpr char kLog[] = "/var/log/pods/shop_web_1/nginx/0.log";
constexpr char kPlain[] = "/var/log/app.log";

class RandomWriter : public TailWorld {
 protected:
  void Run(std::uint64_t seed, bool cri);

 private:
  void Write();
  void Rotate();
  void LookBetween();
  void Step();
  // All is read and stored, so that what is destroyed next need not be.
  void Drain();
  std::size_t Below(std::size_t bound) { return static_cast<std::size_t>(random_.Below(bound)); }
  std::string Old(std::size_t i) const { return fmt::format("{}.{}", path_, i); }

  Random random_{0};
  bool cri_ = false;
  std::string path_;
  std::string steps_;  // "step@lines so far", for who reads a failure.
  int line_ = 0;
  std::vector<std::ifstream> held_;
  std::string open_;         // Begun and not ended: the rest of the last line.
  std::size_t durable_ = 0;  // Calls of the sink that no crash takes back.
};

void RandomWriter::Write() {
  std::string text = std::exchange(open_, "");
  for (std::size_t i = Below(40); i-- > 0;) {
    const std::string line = fmt::format("line {}", ++line_);
    if (!cri_) {
      text += line + "\n";
    } else if (Below(4) == 0) {
      const std::size_t cut = Below(line.size());
      text += Cri("P", line.substr(0, cut)) + Cri("F", line.substr(cut));
    } else {
      text += Cri("F", line);
    }
  }
  // Often the last write ends in the middle of a line or of a record.
  if (!text.empty() && Below(3) == 0) {
    const std::size_t cut = text.size() - 1 - Below(std::min<std::size_t>(text.size(), 30));
    open_ = text.substr(cut);
    text.resize(cut);
  }
  Append(path_, text);
}

void RandomWriter::Rotate() {
  if (!std::filesystem::exists(Real(path_))) return;
  Append(path_, std::exchange(open_, ""));  // Runtimes rotate between records.
  if (std::filesystem::exists(Real(Old(9))) || std::filesystem::exists(Real(Old(9) + ".gz")))
    Drain();
  for (std::size_t i = 9; i >= 1; --i) {
    if (std::filesystem::exists(Real(Old(i)))) Rename(Old(i), Old(i + 1));
    if (std::filesystem::exists(Real(Old(i) + ".gz"))) Rename(Old(i) + ".gz", Old(i + 1) + ".gz");
  }
  Remove(Old(10));
  Remove(Old(10) + ".gz");
}

void RandomWriter::Drain() {
  sink.congested = false;
  if (!tailer) Start();
  Pass(1'000);
  tailer->Flush();
  durable_ = sink.calls.size();
}

// The tailer looks, or begins anew, in the middle of what others do.
void RandomWriter::LookBetween() {
  if (!tailer || Below(2) == 0) return;
  if (Below(4) == 0) {
    Stop();
    Start();
  } else {
    now.steady_ms += options.poll_ms;
    now.wall_ns += options.poll_ms * 1'000'000;
    tailer->Tick(now);
  }
}

void RandomWriter::Step() {
  const std::size_t step = Below(14);
  steps_ += fmt::format(" {}@{}", step, line_);
  OPS_LOG(kDebug, "step {} at line {}", step, line_);
  switch (step) {
    case 0:  // Rename, as logrotate's create and the runtimes do.
      Rotate();
      if (std::filesystem::exists(Real(path_))) Rename(path_, Old(1));
      if (Below(2) == 0) Append(path_, "");
      break;
    case 1: {  // Copy and empty.
      if (!std::filesystem::exists(Real(path_))) break;
      Rotate();
      Copy(path_, Old(1));
      LookBetween();
      Truncate(path_);
      break;
    }
    case 2:  // Compress an older one, the newest left alone.
      for (std::size_t i = 2; i < 9; ++i) {
        if (std::filesystem::exists(Real(Old(i)))) {
          // A file that takes over the inode before the next scan would take over the
          // checkpoint too, and the compressed one be read twice: README.md.
          held_.emplace_back(Real(Old(i)));
          const auto time = std::filesystem::last_write_time(Real(Old(i)));
          Gzip(Old(i));
          std::filesystem::last_write_time(Real(Old(i) + ".gz"), time);
          break;
        }
      }
      break;
    case 3:  // Deleted by someone; what was not read before is lost to all.
      if (Below(4) != 0 || !std::filesystem::exists(Real(path_))) break;
      Append(path_, std::exchange(open_, ""));
      Drain();
      Remove(path_);
      Append(path_, "");
      break;
    case 4:
      sink.congested = !sink.congested;
      break;
    case 5:
      if (tailer) Stop();
      break;
    case 6: {  // Killed: some of what the sink took was not on disk yet.
      if (!tailer) break;
      const std::size_t calls = sink.calls.size();
      Crash(durable_ + Below(calls - durable_ + 1));
      break;
    }
    case 7:
      if (!tailer) Start();
      break;
    case 8:
      if (tailer) Pass(static_cast<std::int64_t>(Below(8) * 2'500));
      break;
    case 9:
    case 10:
      if (tailer) tailer->Tick(now);
      break;
    default:
      Write();
  }
}

void RandomWriter::Run(std::uint64_t seed, bool cri) {
  SCOPED_TRACE(fmt::format("OPS_SEED={} ({})", seed, cri ? "cri" : "plain"));
  random_ = Random(seed);
  if (std::getenv("OPS_SEED") != nullptr) SetLogLevel(LogLevel::kDebug);
  cri_ = cri;
  path_ = cri ? kLog : kPlain;
  Follow({"/var/log/other"});  // So that the agent was here before, as it mostly was.
  Append("/var/log/other", "");
  if (!cri) Follow({kPlain});
  options.turn_bytes = 128 + Below(2'000);
  options.tick_bytes = options.turn_bytes * 2;
  options.partial_flush_ms = 1'000'000'000;  // A line takes as long as it takes here.
  Append(path_, "");
  Start();
  Drain();
  const std::size_t steps = 30 + Below(120);
  for (std::size_t i = 0; i < steps && !HasFailure(); ++i) Step();
  Append(path_, std::exchange(open_, ""));
  sink.congested = false;
  if (!tailer) Start();
  Pass(100'000);
  // Sorted: a file that turns up late (a copy of a copy) comes after its successors.
  std::vector<std::string> lines = Lines();
  std::vector<std::string> expected = NumberLines(1, line_);
  std::sort(lines.begin(), lines.end());
  std::sort(expected.begin(), expected.end());
  const auto at = std::mismatch(lines.begin(), lines.end(), expected.begin(), expected.end());
  if (at.first != lines.end() || at.second != expected.end()) {
    ADD_FAILURE() << lines.size() << " lines for " << line_ << "; number "
                  << at.first - lines.begin() << " is "
                  << (at.first == lines.end() ? "missing" : "'" + *at.first + "'") << "; steps"
                  << steps_;
  }
  EXPECT_TRUE(sink.gaps.empty());
  EXPECT_LE(stats().files_open, 2U);
}

std::uint64_t FirstSeed() {
  const char* text = std::getenv("OPS_SEED");
  return text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
}

// As many tests as seeds, each with a host of its own.
class RandomTest : public RandomWriter, public testing::WithParamInterface<int> {};

TEST_P(RandomTest, EveryLineOncePlain) {
  Run(FirstSeed() + static_cast<std::uint64_t>(GetParam()), false);
}

TEST_P(RandomTest, EveryLineOnceCri) {
  Run(FirstSeed() + static_cast<std::uint64_t>(GetParam()), true);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomTest, testing::Range(0, 60));

}  // namespace
}  // namespace opssight
