#include "common/net/tls.h"

#include <algorithm>

#include "tests/common/net/net_fixture.h"

namespace opssight {
namespace {

class TlsTest : public NetTest {
 protected:
  // Opens one connection, says hello over it and closes it.
  struct Outcome {
    bool opened = false;
    std::string closed;  // On the client.
    bool resumed = false;
    std::string alpn;
    bool server_opened = false;
    std::string server_closed;
    std::string certificate;   // Seen by the server.
    std::string verify_error;  // Seen by the server.
    bool server_resumed = false;
    std::string received;
  };

  void Serve(const TlsOptions& options) {
    on_server = [this](Peer& peer) {
      peer.on_open = [this](Peer& self) {
        seen_ = Outcome();
        seen_.server_opened = true;
        seen_.certificate = self.stream->peer_certificate();
        seen_.verify_error = self.stream->peer_verify_error();
        seen_.server_resumed = self.stream->resumed();
        self.stream->Write("hello");
        self.stream->CloseAfterWrites();
      };
    };
    Listen(Make(options));
  }

  Outcome Try(const std::shared_ptr<TlsContext>& context, const std::string& name = "") {
    const std::size_t before = servers.size();
    On([&] { seen_ = Outcome(); });
    Peer& client = Dial(context, name);
    Wait([&] {
      return client.closed.has_value() && servers.size() == before + 1 &&
             servers.back()->closed.has_value();
    });
    Outcome outcome;
    On([&] {
      outcome = seen_;
      outcome.opened = client.opened;
      outcome.closed = client.closed->message;
      outcome.resumed = client.stream->resumed();
      outcome.alpn = client.stream->alpn();
      outcome.received = client.received;
      outcome.server_closed = servers.back()->closed->message;
    });
    return outcome;
  }

  std::string To() const { return "TLS to 127.0.0.1:" + std::to_string(port) + ": "; }

 private:
  Outcome seen_;
};

TEST_F(TlsTest, ServesOverTls13) {
  Serve(ServerOptions());
  const Outcome got = Try(Make(ClientOptions()));
  EXPECT_TRUE(got.opened);
  EXPECT_EQ(got.received, "hello");
  EXPECT_EQ(got.verify_error, "no certificate was asked for");
  EXPECT_EQ(got.closed, To() + "closed by the peer");
}

TEST_F(TlsTest, CarriesMuchBothWays) {
  const std::string much(3'000'001, 'x');
  on_server = [&](Peer& peer) { peer.stream->Write(much); };
  Listen(Make(ServerOptions()));
  Peer& client = Dial(Make(ClientOptions()));
  On([&] { client.stream->Write(much); });
  Wait([&] { return client.received.size() == much.size(); });
  Wait([&] { return servers[0]->received.size() == much.size(); });
}

TEST_F(TlsTest, PausedStreamLosesNothing) {
  const std::string much(300'000, 'x');
  on_server = [&](Peer& peer) { peer.stream->Write(much); };
  Listen(Make(ServerOptions()));
  Peer& client = Dial(Make(ClientOptions()), "", {}, [](Peer& peer) {
    peer.on_data = [](Peer& self) { self.stream->Pause(); };  // After each record.
  });
  Wait([&] {
    if (client.stream != nullptr) client.stream->Resume();
    return client.received.size() == much.size();
  });
}

TEST_F(TlsTest, WrongCaIsRefusedByName) {
  Serve(ServerOptions());
  TlsOptions options = ClientOptions();
  options.ca_pem = stranger_ca.pem();
  const Outcome got = Try(Make(options));
  EXPECT_FALSE(got.opened);
  EXPECT_EQ(got.closed, To() +
                            "unable to get local issuer certificate; /CN=server is "
                            "signed by /CN=Test CA, which is not trusted here");
  EXPECT_NE(got.server_closed.find("the peer refused: unknown CA"), std::string::npos)
      << got.server_closed;
  EXPECT_EQ(listener->metrics()->handshake_failures.value(), 1U);
}

TEST_F(TlsTest, ExpiredServerIsRefusedWithTheDate) {
  const TestCert old("old", {.issuer = &ca, .until_s = -60});
  TlsOptions server = ServerOptions();
  server.certificate_pem = old.pem();
  server.key_pem = old.key_pem();
  Serve(server);
  const Outcome got = Try(Make(ClientOptions()));
  EXPECT_FALSE(got.opened);
  EXPECT_EQ(got.closed.find(To() + "certificate has expired; /CN=old was good until 2"), 0U)
      << got.closed;
}

TEST_F(TlsTest, NameHasToMatch) {
  Serve(ServerOptions());
  const Outcome got = Try(Make(ClientOptions()), "other.example");
  EXPECT_FALSE(got.opened);
  EXPECT_NE(got.closed.find("hostname mismatch"), std::string::npos) << got.closed;
  EXPECT_TRUE(Try(Make(ClientOptions()), "localhost").opened);
}

TEST_F(TlsTest, RequestedCertificateIsToldVerifiedOrNot) {
  Serve(ServerOptions(ClientCertificate::kRequest));
  Outcome got = Try(Make(ClientOptions(&client_cert)));
  EXPECT_EQ(got.received, "hello");
  EXPECT_EQ(got.certificate, client_cert.der());
  EXPECT_EQ(got.verify_error, "");

  got = Try(Make(ClientOptions()));
  EXPECT_EQ(got.received, "hello");
  EXPECT_EQ(got.certificate, "");
  EXPECT_EQ(got.verify_error, "no certificate was shown");

  const TestCert old("old-agent", {.issuer = &ca, .until_s = -60});
  got = Try(Make(ClientOptions(&old)));
  EXPECT_EQ(got.received, "hello");
  EXPECT_EQ(got.certificate, old.der());
  EXPECT_EQ(got.verify_error.find("certificate has expired"), 0U) << got.verify_error;

  const TestCert other("x", {.issuer = &stranger_ca});
  got = Try(Make(ClientOptions(&other)));
  EXPECT_TRUE(got.server_opened);
  EXPECT_NE(got.verify_error, "");
}

TEST_F(TlsTest, RequiredCertificateFailsTheHandshake) {
  Serve(ServerOptions(ClientCertificate::kRequire));
  Outcome got = Try(Make(ClientOptions()));
  EXPECT_FALSE(got.server_opened);
  EXPECT_NE(got.server_closed.find("the peer shows no certificate"), std::string::npos);
  EXPECT_NE(got.closed.find("the peer refused: "), std::string::npos) << got.closed;
  const TestCert other("x", {.issuer = &stranger_ca});
  got = Try(Make(ClientOptions(&other)));
  EXPECT_FALSE(got.server_opened);
  got = Try(Make(ClientOptions(&client_cert)));
  EXPECT_EQ(got.received, "hello");
  EXPECT_EQ(got.verify_error, "");
}

TEST_F(TlsTest, ResumesAndStillKnowsThePeer) {
  Serve(ServerOptions(ClientCertificate::kRequest));
  const auto context = Make(ClientOptions(&client_cert));
  Outcome got = Try(context);
  EXPECT_FALSE(got.resumed);
  for (int i = 0; i < 3; ++i) {
    got = Try(context);
    EXPECT_TRUE(got.resumed);
    EXPECT_TRUE(got.server_resumed);
    EXPECT_EQ(got.received, "hello");
    EXPECT_EQ(got.certificate, client_cert.der());
    EXPECT_EQ(got.verify_error, "");
  }
  EXPECT_FALSE(Try(context, "localhost").resumed);  // Another name, another session.
}

TEST_F(TlsTest, ResumptionDoesNotMakeAnUnverifiedPeerVerified) {
  Serve(ServerOptions(ClientCertificate::kRequest));
  const TestCert other("x", {.issuer = &stranger_ca});
  const TestCert old("old-agent", {.issuer = &ca, .until_s = -60});
  for (const TestCert* cert : {&other, &old, static_cast<const TestCert*>(nullptr)}) {
    const auto context = Make(ClientOptions(cert));
    (void)Try(context);
    const Outcome got = Try(context);
    EXPECT_TRUE(got.server_opened);
    EXPECT_NE(got.verify_error, "");
    EXPECT_EQ(got.certificate, cert == nullptr ? "" : cert->der());
  }
}

TEST_F(TlsTest, RevocationHoldsOnResumptionToo) {
  auto revoked = std::make_shared<bool>(false);
  TlsOptions server = ServerOptions(ClientCertificate::kRequest);
  server.check_peer = [revoked](std::string_view) -> Status {
    if (*revoked) return Invalid("agent-1 was revoked");
    return {};
  };
  Serve(server);
  const auto context = Make(ClientOptions(&client_cert));
  EXPECT_EQ(Try(context).verify_error, "");
  On([&] { *revoked = true; });
  const Outcome got = Try(context);
  EXPECT_FALSE(got.resumed);
  EXPECT_EQ(got.verify_error, "agent-1 was revoked");
  EXPECT_EQ(Try(context).verify_error, "agent-1 was revoked");
}

TEST_F(TlsTest, AnotherServersTicketIsAFullHandshake) {
  Serve(ServerOptions());
  const auto context = Make(ClientOptions());
  (void)Try(context);
  EXPECT_TRUE(Try(context).resumed);
  On([&] { listener.reset(); });
  Listen(Make(ServerOptions()));  // As after a restart: new ticket keys, same name.
  const Outcome got = Try(context);
  EXPECT_FALSE(got.resumed);
  EXPECT_EQ(got.received, "hello");
}

TEST_F(TlsTest, PinTrustsTheKeyAndWhatItSigned) {
  TlsOptions server = ServerOptions();
  server.certificate_pem += ca.pem();  // The chain is shown whole.
  Serve(server);
  TlsOptions options;
  options.spki_pin = *SpkiSha256(ca.der());
  EXPECT_EQ(Try(Make(options)).received, "hello");
  options.spki_pin = *SpkiSha256(server_cert.der());
  EXPECT_EQ(Try(Make(options)).received, "hello");
  options.spki_pin = *SpkiSha256(stranger_ca.der());
  const Outcome got = Try(Make(options));
  EXPECT_FALSE(got.opened);
  EXPECT_NE(got.closed.find("pinned key"), std::string::npos) << got.closed;
}

TEST_F(TlsTest, PinIsNotSatisfiedByShowingTheCaBesideAStrangersLeaf) {
  const TestCert impostor("server", {.issuer = &stranger_ca});
  TlsOptions server = ServerOptions();
  server.certificate_pem = impostor.pem() + ca.pem();
  server.key_pem = impostor.key_pem();
  Serve(server);
  TlsOptions options;
  options.spki_pin = *SpkiSha256(ca.der());
  EXPECT_FALSE(Try(Make(options)).opened);
}

TEST_F(TlsTest, AlpnFollowsTheServersOrder) {
  TlsOptions server = ServerOptions();
  server.alpn = {"h2", "http/1.1"};
  Serve(server);
  TlsOptions options = ClientOptions();
  options.alpn = {"http/1.1", "h2"};
  EXPECT_EQ(Try(Make(options)).alpn, "h2");
  options.alpn = {"http/1.1"};
  EXPECT_EQ(Try(Make(options)).alpn, "http/1.1");
  options.alpn = {"other"};
  EXPECT_EQ(Try(Make(options)).alpn, "");
}

TEST_F(TlsTest, SaysWhenThePeerDoesNotSpeakTls) {
  on_server = [](Peer& peer) { peer.stream->Write("HTTP/1.1 400 Bad Request\r\n\r\n"); };
  Listen();
  Peer& client = Dial(Make(ClientOptions()));
  Wait([&] { return client.closed.has_value(); });
  On([&] { EXPECT_EQ(client.closed->message, To() + "the peer does not speak TLS here"); });
}

TEST_F(TlsTest, MayBeDestroyedInsideHandlerCalls) {
  on_server = [](Peer& peer) {
    peer.on_open = [](Peer& self) { self.stream->Write(std::string(100'000, 'x')); };
  };
  Listen(Make(ServerOptions()));
  const auto context = Make(ClientOptions());
  const auto destroy = [](Peer& self) { self.stream.reset(); };
  Peer& in_open = Dial(context, "", {}, [&](Peer& peer) { peer.on_open = destroy; });
  Peer& in_data = Dial(context, "", {}, [&](Peer& peer) { peer.on_data = destroy; });
  Wait([&] { return in_open.opened && !in_data.received.empty(); });
  Wait([&] { return servers.size() == 2 && servers[0]->closed && servers[1]->closed; });
}

TEST_F(TlsTest, OptionsAreChecked) {
  const auto fails = [](const TlsOptions& options, const std::string& with) {
    const auto made = TlsContext::Make(options);
    ASSERT_FALSE(made.has_value());
    EXPECT_NE(made.error().message.find(with), std::string::npos) << made.error().message;
  };
  TlsOptions options;
  options.server = true;
  fails(options, "needs certificate_pem");
  options.certificate_pem = "rubbish";
  fails(options, "certificate_pem: no PEM certificate");
  options.certificate_pem = server_cert.pem();
  fails(options, "key_pem");
  options.key_pem = client_cert.key_pem();
  fails(options, "key_pem does not belong to certificate_pem");
  options.key_pem = server_cert.key_pem();
  options.client_certificate = ClientCertificate::kRequire;
  fails(options, "without ca_pem");
  TlsOptions pin;
  pin.spki_pin = "short";
  fails(pin, "32 bytes");
  EXPECT_FALSE(SpkiSha256("rubbish").has_value());
}

}  // namespace
}  // namespace opssight
