// Formats, labels, limits and back-pressure. Case numbers as in rotation_test.cc.
#include "agent/tail/tailer.h"

#include <sys/resource.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include "tests/agent/tail/tail_world.h"

namespace opssight {
namespace {

using testing::ElementsAre;
using Texts = std::vector<std::string>;

constexpr char kApp[] = "/var/log/app.log";
constexpr char kPod[] = "/var/log/pods/shop_web-7f_0a1b/nginx/0.log";

class TailerTest : public TailWorld {
 protected:
  // Labels of the stream the first line went to.
  std::string Stream() const {
    for (const MemorySink::Call& call : sink.calls) {
      if (!call.rows.rows.empty()) return call.rows.stream->ToString();
    }
    return "";
  }
};

TEST_F(TailerTest, Case15LongLinesAreCutAndTheFileGoesOn) {
  Follow({kApp});
  options.turn_bytes = 4'096;
  options.line_bytes_max = 6'000;
  Append(kApp, "a\n" + std::string(5'000, 'x') + "\n" + std::string(50'000, 'y') + "\nb\n" +
                   std::string(7'000, 'z'));
  Start();
  Restart();  // In the middle of the last one.
  Append(kApp, "\nc\n");
  Pass(1'000);
  EXPECT_EQ(Lines(), (Texts{"a", std::string(5'000, 'x'), std::string(6'000, 'y'), "b",
                            std::string(6'000, 'z'), "c"}));
  std::string original;
  for (const MemorySink::Call& call : sink.calls) {
    for (const LogRows::Metadata& meta : call.rows.metadata) {
      if (meta.label.name == "original_bytes") original += meta.label.value + " ";
    }
  }
  EXPECT_EQ(original, "50000 7000 ");
}

TEST_F(TailerTest, CutsNoCharacterInTwo) {
  Follow({kApp});
  options.line_bytes_max = 5;
  Append(kApp, "abc\xe2\x82\xac\n");
  Start();
  EXPECT_THAT(Lines(), ElementsAre("abc"));
}

TEST_F(TailerTest, Case16DockerSplitsAreJoined) {
  MakeContainer("c1", "web");
  const std::string part(16'384, 'p');
  Append(DockerLog("c1"), Docker(part) + Docker("end\\n") + Docker(part + "\\n") + Docker(part) +
                              Docker("\\n") + Docker("last\\n"));
  Start();
  EXPECT_EQ(Lines(), (Texts{part + "end", part, part, "last"}));
}

TEST_F(TailerTest, Case17SplitLineOverARotationAndARestart) {
  MakeContainer("c1", "web");
  const std::string log = DockerLog("c1");
  Append(log, Docker("before\\n") + Docker("one "));
  Start();
  Rename(log, log + ".1");
  Append(log, Docker("two ") + Docker("other\\n", "stderr"));
  Pass(1'000);
  Restart();
  Rename(log + ".1", log + ".2");
  Rename(log, log + ".1");
  Append(log, Docker("three\\n") + Docker("after\\n"));
  Pass(1'000);
  Restart();
  Pass(70'000);
  EXPECT_EQ(Lines("stream", "stdout"), (Texts{"before", "one two three", "after"}));
  EXPECT_EQ(Lines("stream", "stderr"), (Texts{"other"}));
}

TEST_F(TailerTest, Case17SplitLineOverATruncation) {
  MakeContainer("c1", "web");
  Append(DockerLog("c1"), Docker("one "));
  Start();
  Truncate(DockerLog("c1"));
  Append(DockerLog("c1"), Docker("two\\n"));
  Pass(1'000);
  EXPECT_EQ(Lines(), (Texts{"one two"}));
}

TEST_F(TailerTest, Case18CriStreamsInterleave) {
  std::ifstream input(OPS_SOURCE_DIR "/tests/data/tail/cri_input.log");
  std::ifstream expected(OPS_SOURCE_DIR "/tests/data/tail/cri_expected.jsonl");
  Append(kPod, std::string{std::istreambuf_iterator<char>(input), {}});
  Start();
  Texts all = Lines("stream", "stdout");
  for (const std::string& line : Lines("stream", "stderr")) all.push_back(line);
  Texts want;
  for (std::string line; std::getline(expected, line);) {
    want.push_back(line.substr(1, line.size() - 2));
  }
  ASSERT_FALSE(want.empty());
  EXPECT_THAT(all, testing::UnorderedElementsAreArray(want));
  EXPECT_EQ(Stream(), R"({container_name="nginx", host="h1", job="shop/nginx", namespace="shop", )"
                      R"(pod="web-7f", service_name="nginx", stream="stdout"})");
}

TEST_F(TailerTest, Case18EachStreamHasItsOwnPosition) {
  Append(kPod, Cri("P", "out ") + Cri("F", "err 1", "stderr") + Cri("F", "err 2", "stderr"));
  Start();
  Restart();
  Append(kPod, Cri("P", "err ", "stderr") + Cri("F", "end") + Cri("F", ""));
  Restart();
  Append(kPod, Cri("F", "3", "stderr"));
  Pass(1'000);
  EXPECT_EQ(Lines("stream", "stdout"), (Texts{"out end", ""}));
  EXPECT_EQ(Lines("stream", "stderr"), (Texts{"err 1", "err 2", "err 3"}));
}

TEST_F(TailerTest, Case19AttrsUnknownKeysAndCorruptLines) {
  MakeContainer("c1", "web");
  Append(DockerLog("c1"),
         R"({"log":"a\n","stream":"stdout","attrs":{"tag":"x"},"time":"2026-01-01T00:00:00Z"})"
         "\n"
         R"({"log":"cut off","str)"
         "\n"
         R"({"new":[1],"log":"b\n","stream":"stdout","time":"2026-01-01T00:00:00Z"})"
         "\n");
  Start();
  EXPECT_EQ(Lines(), (Texts{"a", R"({"log":"cut off","str)", "b"}));
  EXPECT_EQ(stats().malformed, 1U);
}

TEST_F(TailerTest, LinesOfOthersTestDataAreAllThere) {
  MakeContainer("c1", "web");
  std::ifstream input(OPS_SOURCE_DIR "/tests/data/tail/docker_input.log");
  Append(DockerLog("c1"), std::string{std::istreambuf_iterator<char>(input), {}});
  Start();
  EXPECT_GT(Lines().size(), 0U);
  EXPECT_EQ(stats().lines, Lines().size());
}

TEST_F(TailerTest, Case20DamagedCheckpointsReadFromTheBeginning) {
  Follow({"/var/log/*.log"});
  options.start_at = TailOptions::StartAt::kEnd;
  Append(kApp, Numbers(1, 5));
  Append("/var/log/b.log", "x\n");
  Start();
  Append(kApp, Numbers(6, 6));
  Pass(1'000);
  Stop();
  const std::vector<Position> positions = *sink.ReadPositions("tail/");
  for (const Position& position : positions) {
    if (position.key == "tail/alive") continue;
    sink.override_positions[position.key] = std::string(position.value->size(), '\0');
  }
  sink.calls.clear();
  Start();
  EXPECT_EQ(Lines("filename", kApp), NumberLines(1, 6));  // Twice rather than never.
  EXPECT_EQ(stats().bad_checkpoints, 2U);
}

TEST_F(TailerTest, Case21CheckpointsOfFilesThatAreGoneAreForgotten) {
  Follow({"/var/log/*.log"});
  Append(kApp, Numbers(1, 5));
  Append("/var/log/b.log", "x\n");
  Start();
  Stop();
  Remove("/var/log/b.log");
  Start();
  Pass(60'000);
  EXPECT_EQ(Known(), 1U);
  EXPECT_TRUE(sink.gaps.empty());
}

TEST_F(TailerTest, Case22BackPressureStopsAndResumes) {
  Follow({kApp});
  options.turn_bytes = 1'024;
  Append(kApp, Numbers(1, 2'000));
  sink.calls_max = 3;
  Start();
  const std::size_t lines = Lines().size();
  EXPECT_LT(lines, 500U);
  Pass(10'000);
  EXPECT_EQ(Lines().size(), lines);
  sink.calls_max = ~std::size_t{0};
  Pass(250);
  EXPECT_EQ(Lines(), NumberLines(1, 2'000));
}

TEST_F(TailerTest, Case23NothingIsHeldWhileCongested) {
  Follow({kApp});
  Append(kApp, Numbers(1, 10));
  Start();
  sink.congested = true;
  for (int i = 0; i < 100; ++i) {
    Append(kApp, Numbers(11 + i * 100, 110 + i * 100));
    Pass(250);
  }
  EXPECT_EQ(Lines().size(), 10U);  // The file is the buffer.
  EXPECT_EQ(stats().bytes, Numbers(1, 10).size());
  sink.congested = false;
  Pass(250);
  EXPECT_EQ(Lines(), NumberLines(1, 10'010));
}

// A watcher as full as the kernel's can be.
class FullWatcher final : public DirWatcher {
 public:
  bool Watch(const std::string&) override { return room-- > 0; }
  void Unwatch(const std::string&) override {}
  int room = 0;
};

TEST_F(TailerTest, Case25NoMoreWatchesOrAnOverflow) {
  FullWatcher full;
  watcher = &full;
  Follow({kApp});
  Append(kApp, Numbers(1, 5));
  Start();
  EXPECT_GT(stats().watch_errors, 0U);
  Append(kApp, Numbers(6, 7));
  Pass(1'000);  // Polled.
  EXPECT_EQ(Lines(), NumberLines(1, 7));
  full.room = 1'000;
  Pass(11'000);
  EXPECT_GT(stats().dirs_watched, 0U);
  Append(kApp, Numbers(8, 9));
  Pass(1'000);
  EXPECT_EQ(Lines().size(), 7U);  // No event came.
  tailer->OnOverflow();
  Settle();
  EXPECT_EQ(Lines(), NumberLines(1, 9));
  Append(kApp, Numbers(10, 10));
  tailer->OnChange(Real("/var/log"), "app.log", false);
  Settle();
  EXPECT_EQ(Lines(), NumberLines(1, 10));
  tailer.reset();
}

TEST_F(TailerTest, Case27ShortLivedContainer) {
  Start();
  MakeContainer("0123456789abcdef", "job");
  Append(DockerLog("0123456789abcdef"), Docker("only\\n") + Docker("half"));
  tailer->OnChange(Real("/var/lib/docker/containers"), "0123456789abcdef", true);
  now.steady_ms += 250;
  Settle();
  Remove("/var/lib/docker/containers/0123456789abcdef");
  Pass(20'000);
  EXPECT_EQ(Lines(), (Texts{"only", "half"}));
  EXPECT_EQ(Stream(), R"({com_docker_compose_service="svc", container_name="job", host="h1", )"
                      R"(image="img:1", job="docker", service_name="svc", stream="stdout"})");
  EXPECT_EQ(stats().files_open, 0U);
}

TEST_F(TailerTest, MetadataMayComeAfterTheLines) {
  Append(DockerLog("c1"), Docker("a\\n"));
  Append(DockerLog("0123456789abcdef"), Docker("b\\n"));
  options.container_id_label = true;
  Start();
  Pass(1'000);
  EXPECT_TRUE(Lines().empty());
  MakeContainer("c1", "web");
  Pass(250);
  EXPECT_EQ(Lines("container_name", "web"), (Texts{"a"}));
  Pass(2'000);  // Not for ever.
  EXPECT_EQ(Lines("container_id", "0123456789ab"), (Texts{"b"}));
}

TEST_F(TailerTest, Case28OwnAndUnwantedLogs) {
  MakeContainer("aaaa", "self");
  MakeContainer("bbbb", "noisy");
  MakeContainer("cccc", "web");
  for (const char* id : {"aaaa", "bbbb", "cccc"}) Append(DockerLog(id), Docker("x\\n"));
  options.own_container_id = "aaaa";
  options.exclude_containers = {"noi*"};
  Follow({"/var/log/*.log"});
  options.exclude = {"/var/log/agent*"};
  Append("/var/log/agent.log", "x\n");
  Start();
  Pass(20'000);
  EXPECT_EQ(Lines().size(), 1U);
  EXPECT_EQ(Lines("container_name", "web").size(), 1U);
  EXPECT_EQ(stats().files_open, 1U);
}

TEST_F(TailerTest, Case30UnreadableIsTriedAgain) {
  Follow({kApp});
  Append(kApp, Numbers(1, 5));
  std::filesystem::permissions(Real(kApp), std::filesystem::perms::none);
  const bool root_user = geteuid() == 0;  // Whom no permission stops: hide it differently.
  if (root_user) {
    Remove(kApp);
    std::filesystem::create_symlink("app.log", Real(kApp));  // ELOOP.
  }
  Start();
  Pass(2'000);
  EXPECT_TRUE(Lines().empty());
  if (root_user) {
    Remove(kApp);
    Append(kApp, Numbers(1, 5));
  }
  std::filesystem::permissions(Real(kApp), std::filesystem::perms::owner_all);
  Pass(20'000);
  EXPECT_EQ(Lines(), NumberLines(1, 5));
}

TEST_F(TailerTest, Case31SameTimeStaysInOrder) {
  std::string text;
  for (int i = 1; i <= 3'000; ++i) text += Cri("F", fmt::format("line {}", i));
  Append(kPod, text);
  options.turn_bytes = 4'096;
  Start();
  EXPECT_EQ(Lines(), NumberLines(1, 3'000));
}

// The agent ends at every moment: after each call the sink took.
TEST_F(TailerTest, Case34EndsAfterEachCall) {
  options.turn_bytes = 256;
  std::string text;
  for (int i = 1; i <= 30; ++i) {
    text += Cri(i % 4 == 0 ? "P" : "F", fmt::format("o{} ", i));
    text += Cri(i % 3 == 0 ? "P" : "F", fmt::format("e{} ", i), "stderr");
  }
  Append(kPod, text);
  Start();
  Append(kPod, Cri("F", "end") + Cri("F", "end", "stderr"));
  Pass(1'000);
  const Texts out = Lines("stream", "stdout");
  const Texts err = Lines("stream", "stderr");
  const std::size_t calls = sink.calls.size();
  ASSERT_GT(calls, 15U);
  for (std::size_t kept = 0; kept < calls; ++kept) {
    Crash(kept);
    Start();
    EXPECT_EQ(Lines("stream", "stdout"), out) << kept;
    EXPECT_EQ(Lines("stream", "stderr"), err) << kept;
  }
}

TEST_F(TailerTest, Case35ManyColdFilesAndAHotOne) {
  constexpr int kFiles = 10'000;
  options.tick_checks = kFiles;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < kFiles + 500) GTEST_SKIP() << "too few file descriptors";
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  Follow({"/var/log/*/*.log"});
  for (int i = 0; i < kFiles; ++i) {
    Append(fmt::format("/var/log/{}/{}.log", i % 10, i), "first\n");
  }
  Start();
  EXPECT_EQ(Lines().size(), static_cast<std::size_t>(kFiles));
  sink.calls.clear();
  options.poll_max_ms = 1'000;
  const std::string block = Numbers(1, 50'000);
  for (int i = 0; i < 20; ++i) Append("/var/log/0/0.log", block);
  for (int i = 1; i < kFiles; i += 100) {
    Append(fmt::format("/var/log/{}/{}.log", i % 10, i), "cold\n");
  }
  // All cold lines come before the hot file is read to its end.
  now.steady_ms += 1'000;
  for (int i = 0; i < 5; ++i) tailer->Tick(now);
  const Texts lines = Lines();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "cold"), kFiles / 100);
  const std::size_t hot = Lines("filename", "/var/log/0/0.log").size();
  EXPECT_LT(hot, 1'000'000U);
}

TEST_F(TailerTest, FilesOverTheLimitWait) {
  Follow({"/var/log/*.log"});
  options.files_max = 1;
  Append("/var/log/a.log", "a\n");
  Append("/var/log/b.log", "b\n");
  Start();
  EXPECT_THAT(Lines(), ElementsAre("a"));
  EXPECT_GT(stats().files_over_limit, 0U);
  Remove("/var/log/a.log");
  Pass(20'000);
  EXPECT_THAT(Lines(), ElementsAre("a", "b"));
}

TEST_F(TailerTest, DropsNoisyLines) {
  Follow({kApp});
  options.drop = {"GET /health", "^#"};
  Append(kApp, "a\nGET /healthz 200\n# b\nc #\n");
  Start();
  EXPECT_THAT(Lines(), ElementsAre("a", "c #"));
  EXPECT_EQ(stats().filtered_lines, 2U);
  tailer.reset();
  options.drop = {"("};
  const auto bad = Tailer::Create(options, sink, sink, nullptr);
  ASSERT_FALSE(bad.has_value());
  EXPECT_THAT(bad.error().message, testing::HasSubstr("'('"));
}

TEST_F(TailerTest, LinesOverTheRateAreSaidInAGap) {
  Follow({kApp});
  options.lines_per_second_max = 10;
  Append(kApp, Numbers(1, 25));
  Start();
  EXPECT_EQ(Lines(), NumberLines(1, 10));
  Pass(2'000);
  ASSERT_EQ(sink.gaps.size(), 1U);
  EXPECT_EQ(sink.gaps[0].count, 15U);
  Append(kApp, Numbers(26, 30));
  Pass(1'000);
  EXPECT_EQ(Lines().size(), 15U);
  EXPECT_EQ(stats().rate_limited_lines, 15U);
}

TEST_F(TailerTest, ContainersUnfinishedLineIsPassedOnInTheEnd) {
  MakeContainer("c1", "web");
  Append(DockerLog("c1"), Docker("login: "));
  Start();
  Pass(5'000);
  EXPECT_TRUE(Lines().empty());
  Pass(10'000);
  EXPECT_THAT(Lines(), ElementsAre("login: "));
  Append(DockerLog("c1"), Docker("bob\\n"));
  Restart();
  EXPECT_THAT(Lines(), ElementsAre("login: ", "bob"));
}

TEST_F(TailerTest, PodLinkToADockerLogIsFollowedOnce) {
  MakeContainer("c1", "k8s_web");
  Append(DockerLog("c1"), Docker("a\\n"));
  MakeDir("/var/log/pods/shop_web_1/web");
  MakeDir("/var/log/containers");
  std::filesystem::create_symlink(DockerLog("c1"), Real("/var/log/pods/shop_web_1/web/0.log"));
  std::filesystem::create_symlink(
      "/var/log/pods/shop_web_1/web/0.log",
      Real("/var/log/containers/web_shop_web-" + std::string(64, 'a') + ".log"));
  Start();
  Rename(DockerLog("c1"), DockerLog("c1") + ".1");
  Append(DockerLog("c1"), Docker("b\\n"));
  Pass(20'000);
  EXPECT_EQ(Lines("pod", "web"), (Texts{"a", "b"}));
  EXPECT_EQ(Lines().size(), 2U);
}

TEST_F(TailerTest, PodmanLogs) {
  const std::string dir = "/var/lib/containers/storage/overlay-containers/";
  Append(dir + "containers.json",
         R"([{"id":"ff00","names":["db"],"metadata":"{\"image-name\":\"postgres:16\"}"}])");
  Append(dir + "ff00/userdata/config.json", R"({"annotations":{"team":"x"}})");
  Append(dir + "ff00/userdata/ctr.log", Cri("F", "ready"));
  options.container_labels = {"team"};
  Start();
  EXPECT_THAT(Lines(), ElementsAre("ready"));
  EXPECT_EQ(Stream(), R"({container_name="db", host="h1", image="postgres:16", job="podman", )"
                      R"(service_name="db", stream="stdout", team="x"})");
}

TEST_F(TailerTest, PlainFilesHaveTheirLabels) {
  options.files.push_back({.globs = {"/srv/**/*.log"}, .labels = {{"job", "shop"}, {"env", "p"}}});
  Append("/srv/a/b/cart.log", "x\r\ny\n");
  Start();
  EXPECT_THAT(Lines(), ElementsAre("x", "y"));
  EXPECT_EQ(Stream(), R"({env="p", filename="/srv/a/b/cart.log", host="h1", job="shop", )"
                      R"(service_name="cart"})");
}

}  // namespace
}  // namespace opssight
