#include "common/codec/session/frames.h"

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/bytes/endian.h"

namespace opssight::session {
namespace {

// The conversation of README.md, frame by frame.
std::vector<std::pair<std::string, Frame>> Examples() {
  Fingerprint fingerprint;
  for (std::size_t i = 0; i < fingerprint.size(); ++i) {
    fingerprint[i] = static_cast<std::uint8_t>(0xa0 + i);
  }
  return {
      {"hello", Hello{.epoch = 1,
                      .next_seq = 42,
                      .first_unacked = 40,
                      .fingerprint = fingerprint,
                      .host = "web-1",
                      .agent_version = "0.1.0"}},
      {"welcome", Welcome{.epoch = 1,
                          .window_batches = 64,
                          .window_bytes = 4 << 20,
                          .runs = {{.first = 1, .last = 39, .last_hash = 0x1122334455667788}},
                          .unix_ms = 1'767'225'600'000}},
      {"layout", LayoutBytes{.frame = "<layout>"}},
      {"batch", Batch{.seq = 40, .hash = 0x99aabbccddeeff00, .frame = "<batch>"}},
      {"ack", Ack{.ranges = {{.first = 1, .last = 40}}}},
      {"nack", Nack{.seq = 41, .code = NackCode::kRetry, .message = "store is full", .hint = 1000}},
      {"ping", Ping{.token = 7}},
      {"pong", Pong{.token = 7}},
      {"bye", Bye{.code = ByeCode::kNormal, .message = "restart"}},
      {"enrol", Enrol{.token = "ab12cd.0123456789abcdef",
                      .csr_der = "<csr>",
                      .fingerprint = fingerprint,
                      .host = "web-1"}},
      {"enrolled", Enrolled{.agent_id = "6f1c2a9e-0b7d-4c58-9a3e-5d2f8b1c4e70",
                            .epoch = 1,
                            .certificate_pem = "<chain>",
                            .ca_pem = "<ca>"}},
      {"renew", Renew{.csr_der = "<csr>"}},
  };
}

std::string Fixture(const std::string& name) {
  std::ifstream file(OPS_SOURCE_DIR "/tests/data/session/" + name + ".bin", std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(FramesTest, ExamplesOfTheReadmeAreTheBytes) {
  for (const auto& [name, frame] : Examples()) {
    EXPECT_EQ(Encode(frame), Fixture(name)) << name;
    const std::string bytes = Fixture(name);  // The views of decoded point into it.
    const auto again = Decode(std::string_view(bytes).substr(4));
    ASSERT_TRUE(again.has_value()) << name;
    EXPECT_TRUE(*again == frame) << name;
  }
}

TEST(FramesTest, HelloNamesTheAgentOfItsNumbersOnlyWhereItIsAnother) {
  const std::string plain = Encode(Hello{.epoch = 1, .host = "h"});
  const std::string moved = Encode(Hello{.epoch = 1, .host = "h", .numbered_for = "other"});
  EXPECT_EQ(moved.size(), plain.size() + 2 + 5);
  EXPECT_EQ(std::get<Hello>(*Decode(plain.substr(4))).numbered_for, "");
  EXPECT_EQ(std::get<Hello>(*Decode(moved.substr(4))).numbered_for, "other");
  EXPECT_FALSE(Decode(moved.substr(4, moved.size() - 5)).has_value()) << "cut short";
}

TEST(FramesTest, TrailingBytesAreRoomToGrowAndShortOnesAnError) {
  for (const auto& [name, frame] : Examples()) {
    const std::string body = Encode(frame).substr(4);
    // Behind the field that the example of Hello does not have.
    const std::string later = std::string(name == "hello" ? 2 : 0, '\0') + "later";
    EXPECT_TRUE(Decode(body + later).has_value()) << name;
    if (name == "batch") continue;  // Its last field is what is left.
    for (std::size_t size = 0; size < body.size(); ++size) {
      EXPECT_FALSE(Decode(body.substr(0, size)).has_value()) << name << " " << size;
    }
  }
}

TEST(FramesTest, AnyCutGivesTheSameFrames) {
  std::string stream;
  for (const auto& [name, frame] : Examples()) stream += Encode(frame);
  for (std::size_t piece = 1; piece < 100; ++piece) {
    FrameReader reader(kGreetingBytesMax);
    std::string again;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      reader.Feed(std::string_view(stream).substr(at, piece));
      for (;;) {
        auto next = reader.Next();
        ASSERT_TRUE(next.has_value()) << next.error().message;
        if (!next->has_value()) break;
        again += Encode(**next);
      }
    }
    EXPECT_EQ(again, stream);
    EXPECT_EQ(reader.buffered_bytes(), 0U);
  }
}

std::string ErrorOf(const std::string& bytes, std::size_t frame_bytes_max = 100) {
  FrameReader reader(frame_bytes_max);
  reader.Feed(bytes);
  const auto next = reader.Next();
  if (next) return next->has_value() ? "a frame" : "waits";
  reader.Feed(Encode(Ping{}));  // Nothing heals it.
  EXPECT_EQ(reader.Next().error().message, next.error().message);
  return next.error().message;
}

TEST(FramesTest, RefusesWhatIsNoFrame) {
  const auto frame = [](std::string body) {
    std::string bytes;
    PutLe(bytes, static_cast<std::uint32_t>(body.size()));
    return bytes + body;
  };
  EXPECT_EQ(ErrorOf(""), "waits");
  EXPECT_EQ(ErrorOf(std::string(4, '\0')),
            "protocol error: frame of 0 bytes, allowed are 1 to 100");
  EXPECT_EQ(ErrorOf(std::string("\x65\0\0\0", 4)),
            "protocol error: frame of 101 bytes, allowed are 1 to 100");
  EXPECT_EQ(ErrorOf(frame("\x20")), "protocol error: unknown frame type 32");
  EXPECT_EQ(ErrorOf("GET / HTTP/1.1\r\n"),
            "protocol error: frame of 542393671 bytes, allowed are 1 to 100");
  EXPECT_EQ(ErrorOf(frame("\x07short")),
            "protocol error: Ping: payload of 5 bytes is short or wrong");
  EXPECT_EQ(ErrorOf(frame(std::string("\x09\x63\0\0", 4))),
            "protocol error: Bye: payload of 3 bytes is short or wrong");
  std::string ack("\x05\x01\0", 3);
  PutLe(ack, std::uint64_t{9});
  PutLe(ack, std::uint64_t{8});  // Ends before it begins.
  EXPECT_EQ(ErrorOf(frame(ack)), "protocol error: Ack: payload of 18 bytes is short or wrong");
  EXPECT_EQ(ErrorOf(frame("\x05\xff\xff")),
            "protocol error: Ack: payload of 2 bytes is short or wrong");
}

TEST(FramesTest, BatchHeadIsTheFrontOfABatch) {
  const Batch batch{.seq = 5, .hash = 6, .frame = "bytes"};
  const std::string head = EncodeBatchHead(batch.seq, batch.hash, batch.frame.size());
  EXPECT_EQ(head.size(), kBatchHeadBytes);
  EXPECT_EQ(head + std::string(batch.frame), Encode(batch));
}

TEST(FramesTest, GivesBackTheMemoryOfABigFrame) {
  FrameReader reader(kFrameBytesMax);
  const std::string big(8 << 20, 'x');
  reader.Feed(EncodeBatchHead(1, 2, big.size()));
  reader.Feed(big);
  auto next = reader.Next();
  ASSERT_TRUE(next.has_value() && next->has_value());
  EXPECT_EQ(std::get<Batch>(**next).frame.size(), big.size());
  EXPECT_EQ(reader.buffered_bytes(), 0U);
}

}  // namespace
}  // namespace opssight::session
