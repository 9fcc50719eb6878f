#include "common/codec/grpc/h2_session.h"

#include <cstring>
#include <map>
#include <nghttp2/nghttp2.h>

#include "common/codec/grpc/grpc.h"
#include "common/codec/http/content.h"

namespace opssight {
namespace {

// A client over nghttp2, as a counterpart in memory.
class Client {
 public:
  struct Answer {
    Headers fields;
    std::string body;
    bool closed = false;
    std::uint32_t error = 0;
  };

  Client() {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* user) {
          static_cast<Client*>(user)->answers[frame->hd.stream_id].fields.emplace_back(
              std::string(reinterpret_cast<const char*>(name), name_size),
              std::string(reinterpret_cast<const char*>(value), value_size));
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks, [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                      std::size_t size, void* user) {
          static_cast<Client*>(user)->answers[id].body.append(reinterpret_cast<const char*>(bytes),
                                                              size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, std::int32_t id, std::uint32_t error, void* user) {
          Answer& answer = static_cast<Client*>(user)->answers[id];
          answer.closed = true;
          answer.error = error;
          return 0;
        });
    nghttp2_session_client_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~Client() { nghttp2_session_del(session_); }

  std::int32_t Post(const std::string& path, std::string body) {
    std::vector<nghttp2_nv> fields;
    const auto add = [&](const char* name, const char* value) {
      nghttp2_nv field{};
      field.name = reinterpret_cast<std::uint8_t*>(const_cast<char*>(name));
      field.namelen = std::strlen(name);
      field.value = reinterpret_cast<std::uint8_t*>(const_cast<char*>(value));
      field.valuelen = std::strlen(value);
      fields.push_back(field);
    };
    add(":method", "POST");
    add(":scheme", "http");
    add(":path", path.c_str());
    add(":authority", "here");
    add("content-type", "application/grpc");
    auto& kept = bodies_.emplace_back(std::make_unique<Body>());
    kept->bytes = std::move(body);
    nghttp2_data_provider provider{};
    provider.source.ptr = kept.get();
    provider.read_callback = [](nghttp2_session*, std::int32_t, std::uint8_t* out, std::size_t size,
                                std::uint32_t* flags, nghttp2_data_source* source,
                                void*) -> ssize_t {
      auto* from = static_cast<Body*>(source->ptr);
      const std::size_t piece = std::min(size, from->bytes.size() - from->sent);
      std::memcpy(out, from->bytes.data() + from->sent, piece);
      from->sent += piece;
      if (from->sent == from->bytes.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
      return static_cast<ssize_t>(piece);
    };
    return nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), &provider,
                                  nullptr);
  }

  std::string Output() {
    std::string out;
    for (;;) {
      const std::uint8_t* bytes = nullptr;
      const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
      if (size <= 0) return out;
      out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    }
  }
  void Receive(const std::string& bytes) {
    nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()),
                             bytes.size());
  }

  std::map<std::int32_t, Answer> answers;

 private:
  struct Body {
    std::string bytes;
    std::size_t sent = 0;
  };
  nghttp2_session* session_ = nullptr;
  std::vector<std::unique_ptr<Body>> bodies_;
};

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
