#include "common/http/server.h"

#include <algorithm>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "common/base/random.h"
#include "common/codec/grpc/grpc.h"
#include "common/codec/http/content.h"
#include "tests/common/codec/grpc/h2_client.h"
#include "tests/common/net/net_fixture.h"

namespace opssight {
namespace {

// A blocking socket, to send exactly the bytes that a test wants.
class Raw {
 public:
  explicit Raw(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    const timeval limit{60, 0};  // Only for a test that would hang.
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  }
  ~Raw() { close(fd_); }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;

  void Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  // What comes, once text holds until ("": the end of the connection).
  std::string Read(const std::string& until = "") {
    std::string text;
    while (until.empty() || text.find(until) == std::string::npos) {
      const std::string piece = ReadOnce();
      if (piece.empty()) break;
      text += piece;
    }
    return text;
  }
  // What is there, once something is; "" at the end of the connection.
  std::string ReadOnce() {
    std::string piece(65536, '\0');
    const ssize_t size = recv(fd_, piece.data(), piece.size(), 0);
    piece.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    return piece;
  }
  std::string Ask(std::string_view bytes) {
    Send(bytes);
    return Read();
  }

 private:
  const int fd_;
};

std::string Body(const std::string& answer) {
  const std::size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

constexpr std::string_view kGet = "GET /x?a=1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

class ServerTest : public NetTest {
 protected:
  ~ServerTest() override {
    for (auto& thread : threads) thread.join();
    On([&] {
      kept.clear();
      server.reset();
    });
  }

  void Start(HttpLimits limits = {}, const std::shared_ptr<TlsContext>& tls = nullptr) {
    On([&] {
      auto opened = HttpServer::Open(
          loop, {{{"127.0.0.1", 0}, tls}}, limits,
          [this](HttpRequest request, std::shared_ptr<Responder> responder) {
            Handle(std::move(request), std::move(responder));
          },
          clock);
      ASSERT_TRUE(opened.has_value()) << opened.error().message;
      server = std::move(*opened);
      port = server->port();
      metrics = server->metrics();
    });
  }

  void Handle(HttpRequest request, std::shared_ptr<Responder> responder) {
    ++handled;
    if (request.path == "/drop") return;
    if (request.path == "/keep") {
      kept.push_back(std::move(responder));
      return;
    }
    HttpResponse response;
    response.headers = {{"content-type", "text/plain"}};
    if (request.path == "/big") {
      response.body = std::string(2'000'000, 'b');
    } else if (request.path == "/empty") {
      response.status = 204;
    } else if (request.path == "/grpc") {
      response.headers = {{"content-type", "application/grpc"}};
      AppendGrpcMessage("pong", response.body);
      response.trailers = GrpcTrailers(GrpcStatus::kOk, "");
    } else {
      response.body = request.method + " " + request.path +
                      " a=" + std::string(request.Param("a")) + " " + request.body;
    }
    if (request.path == "/thread" || request.Param("thread") == "1") {
      threads.emplace_back([responder, response] { responder->Send(response); });
      return;
    }
    responder->Send(std::move(response));
  }

  // Drives an h2 client over a socket until done() says so.
  void Exchange(Raw& raw, H2Client& client, const std::function<bool()>& done) {
    for (raw.Send(client.Output()); !done(); raw.Send(client.Output())) {
      const std::string bytes = raw.ReadOnce();
      if (bytes.empty()) return;
      client.Receive(bytes);
    }
  }

  FakeClock clock{1'767'225'600 * kNsPerSecond};
  std::unique_ptr<HttpServer> server;
  std::shared_ptr<const HttpMetrics> metrics;
  int handled = 0;
  std::vector<std::shared_ptr<Responder>> kept;
  std::vector<std::thread> threads;
};

TEST_F(ServerTest, AnswersAndCloses) {
  Start();
  const std::string answer = Raw(port).Ask(kGet);
  EXPECT_EQ(answer,
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"
            "date: Thu, 01 Jan 2026 00:00:00 GMT\r\ncontent-length: 11\r\n"
            "connection: close\r\n\r\nGET /x a=1 ");
  EXPECT_EQ(metrics->requests.value(), 1U);
}

TEST_F(ServerTest, KeepsAliveAndAnswersPipelinedRequestsInOrder) {
  Start();
  Raw raw(port);
  std::string many;
  for (int i = 0; i < 2000; ++i) {
    // Some answered by another thread, so that the rest waits.
    many += "GET /" + std::to_string(i) + (i % 50 == 7 ? "?thread=1" : "") +
            " HTTP/1.1\r\nHost: h\r\n\r\n";
  }
  many += kGet;
  std::thread sender([&] { raw.Send(many); });
  const std::string all = raw.Read();
  sender.join();
  std::size_t at = 0;
  for (int i = 0; i < 2000; ++i) {
    at = all.find("GET /" + std::to_string(i) + " a=", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
  EXPECT_EQ(metrics->requests.value(), 2001U);
}

TEST_F(ServerTest, HalfWrittenRequestsAreWaitedFor) {
  Start();
  Raw raw(port);
  const std::string request =
      "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
      "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  for (const char c : request) raw.Send({&c, 1});
  EXPECT_EQ(Body(raw.Read()), "POST /x a= abcde");
}

TEST_F(ServerTest, AnswersFromAnyThread) {
  Start();
  EXPECT_EQ(Body(Raw(port).Ask("GET /thread HTTP/1.0\r\n\r\n")), "GET /thread a= ");
}

TEST_F(ServerTest, DroppedRequestIs500) {
  Start();
  Raw raw(port);
  raw.Send("GET /drop HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(Has(raw.Read("inside the server\n"), "HTTP/1.1 500 "));
  EXPECT_TRUE(Has(raw.Ask(kGet), "HTTP/1.1 200 OK"));  // The connection goes on.
  EXPECT_EQ(metrics->unanswered.value(), 1U);
}

TEST_F(ServerTest, HeadAnd204HaveNoBody) {
  Start();
  Raw raw(port);
  raw.Send("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(Has(raw.Read("\r\n\r\n"), "content-length: 11\r\n"));
  const std::string rest = raw.Ask("GET /empty HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(rest.find("HTTP/1.1 204 No Content\r\n"), 0U) << rest;
  EXPECT_FALSE(Has(rest, "content-length"));
}

TEST_F(ServerTest, ExpectContinueIsAnsweredBeforeTheBody) {
  Start();
  Raw raw(port);
  raw.Send(
      "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
      "Connection: close\r\n\r\n");
  EXPECT_EQ(raw.Read("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(Body(raw.Ask("hi")), "POST /x a= hi");
}

TEST_F(ServerTest, RequestBodiesAreDecoded) {
  Start({.body_bytes_max = 1'000'000});
  const auto post = [&](const std::string& coding, const std::string& body) {
    return Raw(port).Ask(
        "POST /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Encoding: " + coding +
        "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  };
  EXPECT_EQ(Body(post("gzip", GzipEncode("hello"))), "POST /x a= hello");
  EXPECT_EQ(Body(post("snappy", "as it is")), "POST /x a= as it is");
  EXPECT_TRUE(Has(post("gzip", GzipEncode(std::string(2'000'000, 'x'))), " 413 "));
  EXPECT_TRUE(Has(post("br", "x"), " 415 "));
  EXPECT_TRUE(Has(post("gzip", "rubbish"), " 400 "));
  std::string noise;
  Random random(1);
  for (int i = 0; i < 100'000; ++i) noise.push_back(static_cast<char>('a' + random.Below(26)));
  const std::string coded = GzipEncode(noise);
  ASSERT_GT(coded.size(), 16U << 10);  // By the pool.
  EXPECT_EQ(Body(post("gzip", coded)), "POST /x a= " + noise);
  EXPECT_EQ(metrics->unsupported_codings.value(), 1U);
  EXPECT_EQ(metrics->bodies_bytes.value(), 0);
}

TEST_F(ServerTest, AnswersAreGzippedOffTheLoopWhenAskedFor) {
  Start();
  const std::string answer = Raw(port).Ask(
      "GET /big?thread=1 HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n"
      "Connection: close\r\n\r\n");
  EXPECT_TRUE(Has(answer, "content-encoding: gzip\r\n"));
  EXPECT_EQ(DecodeContent("gzip", Body(answer), 3'000'000)->size(), 2'000'000U);
  const std::string zstd = Raw(port).Ask(
      "GET /big?thread=1 HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip, zstd\r\n"
      "Connection: close\r\n\r\n");
  EXPECT_TRUE(Has(zstd, "content-encoding: zstd\r\n"));
  EXPECT_EQ(DecodeContent("zstd", Body(zstd), 3'000'000)->size(), 2'000'000U);
  EXPECT_EQ(Body(Raw(port).Ask("GET /big HTTP/1.0\r\n\r\n")).size(), 2'000'000U);
}

TEST_F(ServerTest, RefusesWhatIsNoRequest) {
  Start({.header_bytes_max = 1000, .body_bytes_max = 1000});
  const auto status = [&](const std::string& bytes) {
    const std::string answer = Raw(port).Ask(bytes);
    EXPECT_TRUE(Has(answer, "connection: close\r\n")) << answer;
    EXPECT_FALSE(Body(answer).empty());
    return answer.substr(9, 3);
  };
  EXPECT_EQ(status("rubbish\r\n\r\n"), "400");
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(2000, 'x') + "\r\n\r\n"),
            "431");
  EXPECT_EQ(status("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2000\r\n\r\n"), "413");
  EXPECT_EQ(status("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n"), "501");
  EXPECT_EQ(metrics->bad_requests.value(), 2U);
  EXPECT_EQ(metrics->too_large.value(), 2U);
  EXPECT_EQ(handled, 0);
  EXPECT_TRUE(Has(Raw(port).Ask("GET /%zz HTTP/1.0\r\n\r\n"), "bad escape in the path\n"));
}

TEST_F(ServerTest, SlowHeadsAndBodiesAre408) {
  Start({.header_timeout_ms = 20, .body_timeout_ms = 20});
  EXPECT_TRUE(Has(Raw(port).Ask("GET / HT"), " 408 "));
  EXPECT_TRUE(
      Has(Raw(port).Ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab"), " 408 "));
  EXPECT_TRUE(Has(Raw(port).Ask("PRI * HT"), " 408 "));  // Half a preface.
  EXPECT_EQ(metrics->timeouts.value(), 3U);
}

TEST_F(ServerTest, IdleConnectionsAreClosedQuietly) {
  Start({.idle_timeout_ms = 20});
  EXPECT_EQ(Raw(port).Read(), "");
  Raw used(port);
  used.Send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(Has(used.Read(), "GET /x"));
}

TEST_F(ServerTest, PipelinedLargeAnswersGoOnAsTheClientReads) {
  Start();
  Raw raw(port);
  std::string many;
  for (int i = 0; i < 20; ++i) many += "GET /big HTTP/1.1\r\nHost: h\r\n\r\n";
  raw.Send(many + std::string(kGet));
  EXPECT_GT(raw.Read().size(), 40'000'000U);
  EXPECT_EQ(metrics->requests.value(), 21U);
}

TEST_F(ServerTest, SlowReadersAreCutOff) {
  Start({.write_timeout_ms = 20, .rate_bytes_min = 1UL << 30});
  Raw raw(port);
  for (int i = 0; i < 100; ++i) raw.Send("GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
  Wait([&] { return metrics->slow_readers.value() == 1; });
  On([&] { EXPECT_LT(handled, 20); });  // No answers are made that nobody takes.
  Wait([&] { return metrics->connections.value() == 0; });
}

TEST_F(ServerTest, LimitsOfRequestsBodiesAndConnectionsAnswer503OrClose) {
  Start({.bodies_bytes_max = 1000, .requests_max = 1, .connections_max = 2});
  Raw first(port);
  first.Send("GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
  Wait([&] { return kept.size() == 1; });
  {
    Raw second(port);
    second.Send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    const std::string answer = second.Read("try again\n");
    EXPECT_TRUE(Has(answer, " 503 "));
    EXPECT_TRUE(Has(answer, "retry-after: 1\r\n"));
    EXPECT_EQ(Raw(port).Read(), "");  // The third.
    EXPECT_EQ(metrics->refused_connections.value(), 1U);
  }
  On([&] {
    kept[0]->Send(TextResponse(200, "late"));
    kept.clear();
  });
  EXPECT_TRUE(Has(first.Read("late\n"), " 200 OK"));
  Wait([&] { return metrics->connections.value() == 1; });
  Raw large(port);
  large.Send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\n\r\n" +
             std::string(2000, 'x'));
  EXPECT_TRUE(Has(large.Read(), " 503 "));
  EXPECT_EQ(metrics->busy.value(), 2U);
  Wait([&] { return metrics->bodies_bytes.value() == 0; });
}

TEST_F(ServerTest, ResponderKnowsWhenTheClientHasGone) {
  Start();
  {
    Raw raw(port);
    raw.Send("GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
    Wait([&] { return kept.size() == 1; });
    On([&] { EXPECT_FALSE(kept[0]->cancelled()); });
  }
  Wait([&] { return kept[0]->cancelled(); });
  On([&] { kept[0]->Send({}); });
  EXPECT_EQ(metrics->cancelled.value(), 1U);
  EXPECT_EQ(metrics->unanswered.value(), 0U);
}

TEST_F(ServerTest, RespondersMayOutliveTheServer) {
  Start();
  Raw raw(port);
  raw.Send("GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
  Wait([&] { return kept.size() == 1; });
  On([&] { server.reset(); });
  EXPECT_EQ(raw.Read(), "");
  threads.emplace_back([responder = kept[0]] { responder->Send({}); });
}

TEST_F(ServerTest, StopAnswersWhatIsInFlight) {
  Start();
  Raw idle(port);
  Raw busy(port);
  busy.Send("GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
  Wait([&] { return kept.size() == 1 && metrics->connections.value() == 2; });
  bool stopped = false;
  On([&] { server->Stop(600'000, [&] { stopped = true; }); });
  EXPECT_EQ(idle.Read(), "");
  On([&] {
    EXPECT_FALSE(stopped);
    kept[0]->Send(TextResponse(200, "last"));
    kept.clear();
  });
  const std::string answer = busy.Read();
  EXPECT_TRUE(Has(answer, "last"));
  EXPECT_TRUE(Has(answer, "connection: close"));
}

TEST_F(ServerTest, StopEndsAtItsDeadlineAndMayDestroyTheServer) {
  Start();
  Raw busy(port);
  busy.Send("GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
  Wait([&] { return kept.size() == 1; });
  On([&] { server->Stop(10, [&] { server.reset(); }); });
  EXPECT_EQ(busy.Read(), "");
  Wait([&] { return server == nullptr; });
}

TEST_F(ServerTest, ServesAliasPorts) {
  Start();
  std::uint16_t other = 0;
  On([&] {
    ASSERT_TRUE(server->Listen({{"127.0.0.1", 0}, nullptr}).has_value());
    other = server->port(1);
  });
  EXPECT_NE(other, port);
  EXPECT_TRUE(Has(Raw(other).Ask(kGet), " 200 OK"));
  EXPECT_TRUE(Has(Raw(port).Ask(kGet), " 200 OK"));
}

TEST_F(ServerTest, Http2ByPrefaceAnswersManyAndGrpc) {
  Start();
  Raw raw(port);
  H2Client client;
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 50; ++i) ids.push_back(client.Post("/x?a=" + std::to_string(i), "body"));
  const std::int32_t grpc = client.Post("/grpc", "");
  const std::int32_t big = client.Post("/big?thread=1", "", {});
  Exchange(raw, client, [&] {
    for (const std::int32_t id : ids) {
      if (!client.answers[id].closed) return false;
    }
    return client.answers[grpc].closed && client.answers[big].closed;
  });
  EXPECT_EQ(client.answers[ids[7]].body, "POST /x a=7 body");
  EXPECT_EQ(FindHeader(client.answers[ids[7]].fields, ":status"), "200");
  EXPECT_EQ(FindHeader(client.answers[grpc].fields, "grpc-status"), "0");
  EXPECT_EQ(client.answers[big].body.size(), 2'000'000U);
  EXPECT_EQ(metrics->requests.value(), 52U);
}

TEST_F(ServerTest, Http2ResetCancelsAndBodiesAboveTheLimitAre503) {
  Start({.bodies_bytes_max = 100'000});
  Raw raw(port);
  H2Client client;
  const std::int32_t kept_id = client.Post("/keep", "");
  raw.Send(client.Output());
  Wait([&] { return kept.size() == 1; });
  client.Reset(kept_id);
  const std::int32_t large = client.Post("/x", std::string(300'000, 'x'));
  Exchange(raw, client, [&] { return client.answers[large].closed; });
  EXPECT_EQ(FindHeader(client.answers[large].fields, ":status"), "503");
  Wait([&] { return kept[0]->cancelled(); });
  EXPECT_EQ(metrics->cancelled.value(), 1U);
  EXPECT_EQ(metrics->busy.value(), 1U);
}

TEST_F(ServerTest, Http2StopSaysGoAwayAndEnds) {
  Start();
  Raw raw(port);
  H2Client client;
  const std::int32_t id = client.Post("/keep", "");
  raw.Send(client.Output());
  Wait([&] { return kept.size() == 1; });
  On([&] {
    server->Stop(600'000, [&] { server.reset(); });
    kept[0]->Send(TextResponse(200, "last"));
    kept.clear();
  });
  Exchange(raw, client, [] { return false; });  // Until the server closes.
  EXPECT_EQ(client.answers[id].body, "last\n");
}

TEST_F(ServerTest, ServesTlsWithBothProtocols) {
  TlsOptions options = ServerOptions();
  options.alpn = {"h2", "http/1.1"};
  Start({}, Make(options));
  TlsOptions h1 = ClientOptions();
  h1.alpn = {"http/1.1"};
  Peer& one = Dial(Make(h1));
  On([&] { one.stream->Write(std::string(kGet)); });
  Wait([&] { return one.closed.has_value(); });
  On([&] { EXPECT_EQ(Body(one.received), "GET /x a=1 "); });

  TlsOptions h2 = ClientOptions();
  h2.alpn = {"h2"};
  H2Client client;
  const std::int32_t id = client.Post("/x", "two");
  Peer& two = Dial(Make(h2), "", {}, [&](Peer& peer) {
    peer.on_open = [&](Peer& self) {
      EXPECT_EQ(self.stream->alpn(), "h2");
      self.stream->Write(client.Output());
    };
    peer.on_data = [&](Peer& self) {
      client.Receive(std::exchange(self.received, {}));
      self.stream->Write(client.Output());
    };
  });
  Wait([&] { return client.answers[id].closed; });
  On([&] {
    EXPECT_EQ(client.answers[id].body, "POST /x a= two");
    two.stream.reset();
  });
}

}  // namespace
}  // namespace opssight
