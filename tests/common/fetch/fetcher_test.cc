#include "common/fetch/fetcher.h"

#include <chrono>
#include <dlfcn.h>
#include <functional>
#include <future>
#include <netdb.h>
#include <string_view>
#include <zlib.h>

#include <gtest/gtest.h>

#include "common/config/load.h"
#include "common/http/server.h"

namespace opssight {
namespace {

// Look-ups of names under .silent get no answer before this is set.
std::promise<void>& Silence() {
  static std::promise<void> silence;
  return silence;
}

}  // namespace
}  // namespace opssight

// In libc's place, for libcurl too.
extern "C" __attribute__((visibility("default"))) int getaddrinfo(const char* host,
                                                                  const char* service,
                                                                  const addrinfo* hints,
                                                                  addrinfo** found) {
  if (host != nullptr && std::string_view(host).ends_with(".silent")) {
    opssight::Silence().get_future().wait();
    return EAI_AGAIN;
  }
  static const auto real =
      reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"));
  return real(host, service, hints, found);
}

namespace opssight {
namespace {

std::string Gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(text.size() + 100, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

class FetcherTest : public testing::Test {
 protected:
  void SetUp() override {
    loop_.RunSync([this] {
      loop_.AssertHere();
      auto server = HttpServer::Open(
          loop_, {{.address = {.host = "127.0.0.1", .port = 0}, .tls = nullptr}}, {},
          [this](HttpRequest request, std::shared_ptr<Responder> responder) {
            responder->Send(answer_(request));
          },
          Clock::System());
      ASSERT_TRUE(server) << server.error().message;
      server_ = *std::move(server);
      fetcher_ = std::make_unique<Fetcher>(loop_);
    });
  }
  void TearDown() override {
    std::promise<void> closed;
    loop_.RunSync([&] {
      fetcher_.reset();
      server_->Stop(0, [&] {
        server_.reset();
        closed.set_value();
      });
    });
    closed.get_future().wait();
    loop_.Stop();
  }
  FetchResult Fetch(FetchRequest request) {
    std::promise<FetchResult> result;
    loop_.RunSync([&] {
      request.url = "http://127.0.0.1:" + std::to_string(server_->port(0)) + "/x";
      const auto started = fetcher_->Start(
          request, [&result](FetchResult answer) { result.set_value(std::move(answer)); });
      if (!started) result.set_value(started.error());
    });
    return result.get_future().get();
  }
  static std::string Header(const HttpRequest& request, std::string_view name) {
    return std::string(request.Header(name));
  }

  Loop loop_{"fetch"};
  std::function<HttpResponse(const HttpRequest&)> answer_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<Fetcher> fetcher_;
};

TEST_F(FetcherTest, AMissingSocketIsNamedAndNotTheUrlsHost) {
  const FetchResult answer = Fetch({.unix_socket = "/nowhere/docker.sock"});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "cannot connect to /nowhere/docker.sock");
}

TEST_F(FetcherTest, AnswersAndHeaders) {
  std::string seen;
  answer_ = [&](const HttpRequest& request) {
    seen = Header(request, "authorization") + "|" + Header(request, "x-a") + "|" +
           Header(request, "accept-encoding");
    return HttpResponse{.status = 404, .headers = {{"content-type", "text/plain"}}, .body = "no"};
  };
  FetchRequest request{.headers = {{"X-A", "b"}}};
  request.http.basic_auth = {.username = "u", .password = "p"};
  const FetchResult answer = Fetch(request);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 404);
  EXPECT_EQ(answer->content_type, "text/plain");
  EXPECT_EQ(answer->body, "no");
  EXPECT_EQ(seen, "Basic dTpw|b|gzip");
  FetchRequest bearer{.compression = false};
  bearer.http.authorization.credentials = "secret";
  ASSERT_TRUE(Fetch(bearer));
  EXPECT_EQ(seen, "Bearer secret||");
}

TEST_F(FetcherTest, APasswordAlone) {
  std::string seen;
  answer_ = [&](const HttpRequest& request) {
    seen = Header(request, "authorization");
    return HttpResponse{.status = 200};
  };
  FetchRequest request;
  request.http.basic_auth.password = "p";
  ASSERT_TRUE(Fetch(request));
  EXPECT_EQ(seen, "Basic OnA=");
}

// A request that ends while its name is looked up must not wait for that on the loop.
TEST_F(FetcherTest, ASilentNameServerStopsNothing) {
  std::promise<FetchResult> result;
  auto ended = result.get_future();
  loop_.Post([&] {
    const FetchRequest request{.url = "http://host.silent/", .timeout_ms = 50};
    const auto started = fetcher_->Start(
        request, [&result](FetchResult answer) { result.set_value(std::move(answer)); });
    ASSERT_TRUE(started) << started.error().message;
  });
  const bool in_time = ended.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  Silence().set_value();
  ASSERT_TRUE(in_time);
  const FetchResult answer = ended.get();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
}

TEST_F(FetcherTest, BodyIsBoundedUnpacked) {
  answer_ = [](const HttpRequest&) {
    return HttpResponse{.status = 200,
                        .headers = {{"content-encoding", "gzip"}},
                        .body = Gzip(std::string(100'000, 'a'))};
  };
  const FetchResult whole = Fetch({.body_bytes_max = 100'000});
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(whole->body.size(), 100'000U);
  const FetchResult over = Fetch({.body_bytes_max = 99'999});
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, ErrorCode::kExhausted);
}

TEST_F(FetcherTest, AMissingSecretIsAnError) {
  FetchRequest request;
  request.http.bearer_token_file = "/nowhere/token";
  const FetchResult answer = Fetch(request);
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("/nowhere/token"), std::string::npos);
}

}  // namespace
}  // namespace opssight
