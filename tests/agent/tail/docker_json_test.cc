#include "agent/tail/docker_json.h"

#include <gtest/gtest.h>

namespace opssight {
namespace {

// By both paths, which must agree. The text stays valid until the next call.
std::optional<DockerRecord> Parse(std::string_view line) {
  static std::string scratch;
  static std::string other;
  const auto fast = ParseDockerRecord(line, scratch);
  const auto general = ParseDockerRecordAnyOrder(line, other);
  EXPECT_EQ(fast.has_value(), general.has_value()) << line;
  if (fast && general) {
    EXPECT_EQ(fast->text, general->text);
    EXPECT_EQ(fast->time_ns, general->time_ns);
    EXPECT_EQ(fast->is_stderr, general->is_stderr);
    EXPECT_EQ(fast->partial, general->partial);
  }
  return fast;
}

constexpr std::string_view kTail = R"(,"stream":"stdout","time":"1970-01-01T00:00:01Z"})";

TEST(DockerJson, ReadsARecord) {
  const auto record =
      Parse(R"({"log":"a \u003cb\u003e \"c\"\n","stream":"stderr","time":"1970-01-01T00:00:01Z"})");
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->text, "a <b> \"c\"");
  EXPECT_EQ(record->time_ns, 1'000'000'000);
  EXPECT_TRUE(record->is_stderr);
  EXPECT_FALSE(record->partial);
}

TEST(DockerJson, SkipsAttrsAndUnknownKeys) {
  const auto record =
      Parse(R"({"attrs":{"tag":"x","n":[1,-2.5e3,{}]},"new":null,"b":[true,false,[]],"log":"l\n")" +
            std::string(kTail));
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->text, "l");
}

TEST(DockerJson, NoNewlineIsPartial) {
  const auto record = Parse(R"({"log":")" + std::string(16'384, 'x') + "\"" + std::string(kTail));
  ASSERT_TRUE(record.has_value());
  EXPECT_TRUE(record->partial);
  EXPECT_EQ(record->text.size(), 16'384U);
}

TEST(DockerJson, UnescapesUnicode) {
  const auto record =
      Parse(R"({"log":"\u00e4\u2028\ud83d\ude00\ud83dx\udc00\n")" + std::string(kTail));
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->text, "\xc3\xa4\xe2\x80\xa8\xf0\x9f\x98\x80\xef\xbf\xbdx\xef\xbf\xbd");
}

TEST(DockerJson, EveryCutRecordIsRefused) {
  const std::string line = R"({"attrs":{"a":[1]},"log":"\u00e4\n")" + std::string(kTail);
  ASSERT_TRUE(Parse(line).has_value());
  for (std::size_t size = 0; size < line.size(); ++size) {
    EXPECT_FALSE(Parse(std::string_view(line).substr(0, size)).has_value()) << size;
  }
}

TEST(DockerJson, RefusesWrongShapes) {
  const std::string tail(kTail);
  EXPECT_FALSE(Parse("{}").has_value());
  EXPECT_FALSE(Parse(R"({"log":1)" + tail).has_value());
  EXPECT_FALSE(Parse(R"({"x":"no log")" + tail).has_value());
  EXPECT_FALSE(Parse(R"({"log":"a")" + tail + "{}").has_value());
  EXPECT_FALSE(Parse(R"({"x":)" + std::string(100'000, '[')).has_value());
}

}  // namespace
}  // namespace opssight
