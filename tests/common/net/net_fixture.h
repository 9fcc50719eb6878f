// A loop with a listener on 127.0.0.1, handlers that record, and a way to wait for
// what they record.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/net/listener.h"
#include "common/net/loop.h"
#include "common/net/stream.h"
#include "common/net/tls.h"
#include "tests/common/net/test_pki.h"

namespace opssight {

// One end of a connection. Fields are of the loop's thread: read them by On() or
// after Wait().
struct Peer final : StreamHandler {
  std::unique_ptr<Stream> stream;
  bool opened = false;
  std::string received;
  int drained = 0;
  std::optional<Error> closed;
  std::function<void(Peer&)> on_open, on_data, on_drained, on_close;

  void OnOpen(Stream& of) override {
    EXPECT_EQ(&of, stream.get());
    opened = true;
    if (on_open) on_open(*this);
  }
  void OnData(Stream&, std::string_view bytes) override {
    received.append(bytes);
    if (on_data) on_data(*this);
  }
  void OnDrained(Stream&) override {
    ++drained;
    if (on_drained) on_drained(*this);
  }
  void OnClose(Stream&, const Error& why) override {
    EXPECT_FALSE(closed.has_value());
    closed = why;
    if (on_close) on_close(*this);
  }
};

class NetTest : public testing::Test {
 protected:
  ~NetTest() override {
    On([&] {
      listener.reset();
      clients.clear();
      servers.clear();
    });
    loop.Stop();
  }

  void On(const std::function<void()>& task) { ASSERT_TRUE(loop.RunSync(task)); }

  void Listen(std::shared_ptr<TlsContext> tls = nullptr, Listener::Options options = {}) {
    On([&] {
      auto opened = Listener::Open(loop, {"127.0.0.1", 0}, std::move(tls), options,
                                   [this](std::unique_ptr<Stream> stream) -> StreamHandler* {
                                     auto peer = std::make_unique<Peer>();
                                     peer->stream = std::move(stream);
                                     if (on_server) on_server(*peer);
                                     return servers.emplace_back(std::move(peer)).get();
                                   });
      ASSERT_TRUE(opened.has_value()) << opened.error().message;
      listener = std::move(*opened);
      port = listener->port();
    });
  }

  // setup: before anything can happen.
  Peer& Dial(std::shared_ptr<TlsContext> tls = nullptr, const std::string& name = "",
             StreamOptions options = {}, const std::function<void(Peer&)>& setup = nullptr) {
    Peer* peer = nullptr;
    On([&] {
      peer = clients.emplace_back(std::make_unique<Peer>()).get();
      if (setup) setup(*peer);
      peer->stream = Connect(loop, {"127.0.0.1", port}, std::move(tls), name, *peer, options);
    });
    return *peer;
  }

  // Until what is true, seen on the loop's thread. The limit is only for a test
  // that would hang.
  void Wait(const std::function<bool()>& what) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (;;) {
      bool seen = false;
      On([&] { seen = what(); });
      if (seen) return;
      ASSERT_LT(std::chrono::steady_clock::now(), limit) << "waited in vain";
      std::this_thread::yield();
    }
  }

  TestCert ca{"Test CA", {.ca = true}};
  TestCert stranger_ca{"Stranger CA", {.ca = true}};
  TestCert server_cert{"server", {.issuer = &ca}};
  TestCert client_cert{"agent-1", {.issuer = &ca}};

  static std::shared_ptr<TlsContext> Make(const TlsOptions& options) {
    auto made = TlsContext::Make(options);
    EXPECT_TRUE(made.has_value()) << made.error().message;
    return made.has_value() ? *made : nullptr;
  }
  TlsOptions ServerOptions(ClientCertificate wanted = ClientCertificate::kNone) const {
    TlsOptions options;
    options.server = true;
    options.certificate_pem = server_cert.pem();
    options.key_pem = server_cert.key_pem();
    options.ca_pem = ca.pem();
    options.client_certificate = wanted;
    options.tls13_only = true;
    return options;
  }
  TlsOptions ClientOptions(const TestCert* cert = nullptr) const {
    TlsOptions options;
    options.ca_pem = ca.pem();
    if (cert != nullptr) {
      options.certificate_pem = cert->pem();
      options.key_pem = cert->key_pem();
    }
    return options;
  }

  Loop loop{"test"};
  std::vector<std::unique_ptr<Peer>> servers, clients;
  std::function<void(Peer&)> on_server;
  std::unique_ptr<Listener> listener;
  std::uint16_t port = 0;
};

}  // namespace opssight
