#include "common/codec/grpc/h2_session.h"

#include "common/codec/grpc/grpc.h"
#include "common/codec/http/content.h"
#include "tests/common/codec/grpc/h2_client.h"

namespace opssight {
namespace {

using Client = H2Client;

class H2SessionTest : public testing::Test, public H2Handler {
 protected:
  void OnRequest(H2Request request) override { requests.push_back(std::move(request)); }
  void OnStreamClosed(std::int32_t id) override { closed.push_back(id); }

  void Exchange(H2Session& session) {
    for (;;) {
      const std::string up = client.Output();
      for (std::size_t at = 0; at < up.size(); at += 1000) {
        EXPECT_TRUE(session.Receive(std::string_view(up).substr(at, 1000)).has_value());
      }
      const std::string down = session.TakeOutput(1 << 20);
      client.Receive(down);
      if (up.empty() && down.empty()) return;
    }
  }

  Client client;
  std::vector<H2Request> requests;
  std::vector<std::int32_t> closed;
};

TEST_F(H2SessionTest, AnswersUnaryCallsOutOfOrderWithTrailers) {
  H2Session session({}, *this);
  const std::int32_t first = client.Post("/a", std::string(3'000'000, 'x'));
  const std::int32_t second = client.Post("/b", "small");
  Exchange(session);
  ASSERT_EQ(requests.size(), 2U);
  for (const H2Request& request : requests) {
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(FindHeader(request.headers, "host"), "here");
    EXPECT_EQ(request.body.size(), request.id == first ? 3'000'000U : 5U);
  }
  session.Respond(second, 200, {{"content-type", "application/grpc"}}, "",
                  GrpcTrailers(GrpcStatus::kUnavailable, "50% of it\n"));
  session.Respond(first, 200, {{"content-type", "application/grpc"}}, std::string(100'000, 'y'),
                  GrpcTrailers(GrpcStatus::kOk, ""));
  Exchange(session);
  EXPECT_EQ(client.answers[first].body.size(), 100'000U);
  EXPECT_EQ(FindHeader(client.answers[first].fields, "grpc-status"), "0");
  EXPECT_EQ(FindHeader(client.answers[second].fields, "grpc-status"), "14");
  EXPECT_EQ(FindHeader(client.answers[second].fields, "grpc-message"), "50%25 of it%0A");
  EXPECT_EQ(closed.size(), 2U);
  EXPECT_EQ(session.open_streams(), 0U);
  session.Respond(first, 200, {}, "late", {});  // Gone: nothing happens.
}

TEST_F(H2SessionTest, RefusesABodyAboveTheLimit) {
  H2Session session(H2Options{.body_bytes_max = 1000}, *this);
  const std::int32_t id = client.Post("/a", std::string(200'000, 'x'));
  Exchange(session);
  EXPECT_TRUE(requests.empty());
  EXPECT_TRUE(client.answers[id].closed);
  EXPECT_EQ(FindHeader(client.answers[id].fields, ":status"), "413");
  EXPECT_EQ(session.open_streams(), 0U);
  const std::int32_t next = client.Post("/a", "fits");
  Exchange(session);
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].id, next);
}

// HPACK makes large heads out of few bytes: they count while the body is still to come.
TEST_F(H2SessionTest, HeadsOfUnfinishedRequestsCount) {
  H2Session session(H2Options{.unfinished_bytes_max = 5'000}, *this);
  const std::string value(2'000, 'v');
  for (int i = 0; i < 8; ++i) client.Post("/a", "x", {{"large", value}});
  Exchange(session);
  EXPECT_GT(requests.size(), 0U);
  EXPECT_LT(requests.size(), 8U);
  std::size_t reset = 0;
  for (const auto& [id, answer] : client.answers) {
    reset += answer.closed && answer.error == NGHTTP2_ENHANCE_YOUR_CALM ? 1 : 0;
  }
  EXPECT_EQ(reset + requests.size(), 8U);
  EXPECT_EQ(session.unfinished_bytes(), 0U);
}

TEST_F(H2SessionTest, GarbageIsAnError) {
  H2Session session({}, *this);
  EXPECT_FALSE(session.Receive("GET / HTTP/1.1\r\n\r\n and more of it").has_value());
}

TEST_F(H2SessionTest, GoAwayEndsOnceAllIsAnswered) {
  H2Session session({}, *this);
  const std::int32_t id = client.Post("/a", "x");
  Exchange(session);
  session.GoAway();
  Exchange(session);
  EXPECT_FALSE(session.done());
  session.Respond(id, 204, {}, "", {});
  Exchange(session);
  EXPECT_TRUE(session.done());
}

TEST(GrpcTest, ReadsOneMessage) {
  std::string framed;
  AppendGrpcMessage("hello", framed);
  EXPECT_EQ(*ReadGrpcMessage(framed, "", 5), "hello");
  EXPECT_EQ(ReadGrpcMessage(framed, "", 4).error().code, ErrorCode::kExhausted);
  EXPECT_EQ(ReadGrpcMessage(framed + "x", "", 9).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(ReadGrpcMessage("\x01", "gzip", 9).error().code, ErrorCode::kInvalid);
  std::string zipped;
  AppendGrpcMessage(GzipEncode("hello"), zipped);
  zipped[0] = 1;
  EXPECT_EQ(*ReadGrpcMessage(zipped, "gzip", 5), "hello");
  EXPECT_EQ(GrpcStatusOf(ReadGrpcMessage(zipped, "snappy", 5).error()), GrpcStatus::kUnimplemented);
  EXPECT_EQ(GrpcStatusOf(ReadGrpcMessage(zipped, "", 5).error()), GrpcStatus::kInternal);
}

TEST(GrpcTest, KnowsItsContentType) {
  EXPECT_TRUE(IsGrpcContentType("application/grpc"));
  EXPECT_TRUE(IsGrpcContentType("application/grpc+proto"));
  EXPECT_FALSE(IsGrpcContentType("application/grpc-web"));
  EXPECT_FALSE(IsGrpcContentType("application/json"));
}

}  // namespace
}  // namespace opssight
