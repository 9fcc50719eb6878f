#include "common/net/stream.h"

#include <sys/resource.h>

#include "tests/common/net/net_fixture.h"

namespace opssight {
namespace {

using StreamTest = NetTest;

TEST_F(StreamTest, CarriesBytesBothWaysAndCloses) {
  on_server = [](Peer& peer) { peer.on_data = [](Peer& self) { self.stream->Write("pong"); }; };
  Listen();
  Peer& client = Dial();
  On([&] { client.stream->Write("ping"); });
  Wait([&] { return client.received == "pong"; });
  On([&] {
    EXPECT_TRUE(client.opened);
    EXPECT_EQ(client.stream->peer(), "127.0.0.1:" + std::to_string(port));
    EXPECT_FALSE(client.stream->tls());
    EXPECT_EQ(client.stream->peer_verify_error(), "the connection is not TLS");
    EXPECT_EQ(servers[0]->received, "ping");
    client.stream->CloseAfterWrites();
  });
  Wait([&] { return servers[0]->closed.has_value() && client.closed.has_value(); });
  On([&] {
    EXPECT_EQ(servers[0]->closed->code, ErrorCode::kUnavailable);
    EXPECT_NE(servers[0]->closed->message.find("closed by the peer"), std::string::npos);
  });
}

TEST_F(StreamTest, WritesBeforeOpenGoOutInOrder) {
  Listen();
  On([&] {
    Peer& client = *clients.emplace_back(std::make_unique<Peer>());
    client.on_open = [](Peer& self) { self.stream->Write("c"); };
    client.stream = Connect(loop, {"127.0.0.1", port}, nullptr, "", client);
    client.stream->Write("a");
    client.stream->Write("b");
    client.stream->CloseAfterWrites();
  });
  Wait([&] { return !servers.empty() && servers[0]->closed.has_value(); });
  On([&] { EXPECT_EQ(servers[0]->received, "abc"); });
}

TEST_F(StreamTest, RefusedConnectionSaysSo) {
  Listen();
  On([&] { listener.reset(); });
  Wait([] { return true; });  // A turn of the loop closes the socket.
  Peer& client = Dial();
  Wait([&] { return client.closed.has_value(); });
  On([&] {
    EXPECT_FALSE(client.opened);
    EXPECT_EQ(client.closed->message,
              "TCP to 127.0.0.1:" + std::to_string(port) + ": connection refused");
  });
}

TEST_F(StreamTest, UnknownNameSaysSo) {
  On([&] {
    Peer& client = *clients.emplace_back(std::make_unique<Peer>());
    client.stream = Connect(loop, {"no-such-host.invalid", 1}, nullptr, "", client);
  });
  Wait([&] { return clients[0]->closed.has_value(); });
  On([&] {
    EXPECT_EQ(clients[0]->closed->message.find("TCP to no-such-host.invalid:1: "), 0U)
        << clients[0]->closed->message;
  });
}

TEST_F(StreamTest, NamesAreLookedUpAndEachAddressTried) {
  Listen();  // On 127.0.0.1 only; localhost may be ::1 first.
  On([&] {
    Peer& client = *clients.emplace_back(std::make_unique<Peer>());
    client.stream = Connect(loop, {"localhost", port}, nullptr, "", client);
  });
  Wait([&] { return clients[0]->opened; });
}

TEST_F(StreamTest, BackPressureHoldsBytesUntilTheReaderResumes) {
  on_server = [](Peer& peer) { peer.stream->Pause(); };
  Listen();
  Peer& client = Dial();
  const std::string block(1 << 20, 'x');
  Wait([&] { return client.opened; });
  On([&] {
    for (int i = 0; i < 32; ++i) client.stream->Write(block);
    EXPECT_GT(client.stream->pending_bytes(), block.size());
  });
  Wait([&] { return !servers.empty() && servers[0]->opened; });
  On([&] {
    EXPECT_TRUE(servers[0]->received.empty());
    servers[0]->stream->Resume();
  });
  Wait([&] { return servers[0]->received.size() == 32 * block.size(); });
  Wait([&] { return client.drained > 0; });
  On([&] { EXPECT_EQ(client.stream->pending_bytes(), 0U); });
}

TEST_F(StreamTest, MayBeDestroyedInsideEachHandlerCall) {
  const auto destroy = [](Peer& self) { self.stream.reset(); };
  on_server = [](Peer& peer) { peer.stream->Write("hello"); };
  Listen();
  Peer& in_open = Dial(nullptr, "", {}, [&](Peer& peer) { peer.on_open = destroy; });
  Peer& in_data = Dial(nullptr, "", {}, [&](Peer& peer) { peer.on_data = destroy; });
  Wait([&] { return in_open.opened && !in_data.received.empty(); });
  Wait([&] { return servers.size() == 2 && servers[0]->closed && servers[1]->closed; });
  Peer& in_close = Dial(nullptr, "", {}, [&](Peer& peer) { peer.on_close = destroy; });
  Wait([&] { return servers.size() == 3 && servers[2]->opened; });
  On([&] { servers[2]->stream.reset(); });
  Wait([&] { return in_close.closed.has_value() && in_close.stream == nullptr; });
  Peer& in_drained = Dial();
  On([&] {
    in_drained.on_drained = destroy;
    in_drained.stream->Write(std::string(32 << 20, 'x'));
  });
  Wait([&] { return in_drained.drained == 1 && in_drained.stream == nullptr; });
  On([&] { Connect(loop, {"127.0.0.1", port}, nullptr, "", in_drained).reset(); });
  On([&] { Connect(loop, {"localhost", port}, nullptr, "", in_drained).reset(); });
}

TEST_F(StreamTest, ConnectAndHandshakeHaveALimit) {
  Listen();  // Plain: it accepts and never answers the hello.
  Peer& client = Dial(Make(ClientOptions()), "", {.connect_timeout_ms = 20});
  Wait([&] { return client.closed.has_value(); });
  On([&] {
    EXPECT_FALSE(client.opened);
    EXPECT_NE(client.closed->message.find("time is up"), std::string::npos);
  });
}

TEST_F(StreamTest, LingerEndsWithAPeerThatDoesNotClose) {
  Listen();
  Peer& client = Dial(nullptr, "", {.linger_ms = 20});
  Wait([&] { return client.opened && servers.size() == 1; });
  On([&] {
    servers[0]->stream->Pause();  // So it does not see the FIN.
    client.stream->CloseAfterWrites();
  });
  Wait([&] { return client.closed.has_value(); });
}

TEST_F(StreamTest, ListenerRefusesAboveItsLimitAndCounts) {
  Listen(nullptr, {.connections_max = 1});
  Peer& first = Dial();
  Wait([&] { return first.opened && servers.size() == 1; });
  Peer& second = Dial();
  Wait([&] { return second.closed.has_value(); });
  EXPECT_EQ(listener->metrics()->refused.value(), 1U);
  EXPECT_EQ(listener->metrics()->open.value(), 1U);
  On([&] { servers[0]->stream.reset(); });
  Peer& third = Dial();
  Wait([&] { return third.opened && servers.size() == 2; });
  EXPECT_EQ(listener->metrics()->accepted.value(), 2U);
}

TEST_F(StreamTest, HandshakeThatNeverComesIsCutOff) {
  Listen(Make(ServerOptions()), {.handshake_timeout_ms = 20});
  Peer& client = Dial();  // Plain, says nothing.
  Wait([&] { return client.closed.has_value(); });
  EXPECT_EQ(listener->metrics()->handshake_timeouts.value(), 1U);
  EXPECT_EQ(listener->metrics()->open.value(), 0U);
}

TEST_F(StreamTest, OutOfFileDescriptorsBacksOffAndGoesOn) {
  Listen();
  Peer& first = Dial();
  Wait([&] { return servers.size() == 1 && first.opened; });
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  Peer* second = nullptr;
  On([&] {
    // The client's socket gets the last free number, so accept() gets none.
    const int next = dup(0);
    close(next);
    rlimit tight = before;
    tight.rlim_cur = static_cast<rlim_t>(next) + 1;
    second = clients.emplace_back(std::make_unique<Peer>()).get();
    second->stream = Connect(loop, {"127.0.0.1", port}, nullptr, "", *second);
    setrlimit(RLIMIT_NOFILE, &tight);
  });
  Wait([&] { return listener->metrics()->accept_errors.value() > 0; });
  setrlimit(RLIMIT_NOFILE, &before);
  Wait([&] { return servers.size() == 2 && second->opened; });
}

TEST_F(StreamTest, TwoListenersShareAPort) {
  Listen(nullptr, {.reuse_port = true});
  On([&] {
    const auto other =
        Listener::Open(loop, {"127.0.0.1", port}, nullptr, {.reuse_port = true},
                       [](std::unique_ptr<Stream>) -> StreamHandler* { return nullptr; });
    EXPECT_TRUE(other.has_value());
    const auto third =
        Listener::Open(loop, {"127.0.0.1", port}, nullptr, {},
                       [](std::unique_ptr<Stream>) -> StreamHandler* { return nullptr; });
    ASSERT_FALSE(third.has_value());
    EXPECT_EQ(third.error().code, ErrorCode::kIo);
    EXPECT_NE(third.error().message.find("listen on 127.0.0.1:"), std::string::npos);
  });
}

}  // namespace
}  // namespace opssight
