#include "agent/enrol/enrol.h"

#include <ctime>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/net/listener.h"
#include "common/net/tls.h"
#include "tests/support/temp_dir.h"

namespace opssight {
namespace {

using ::testing::HasSubstr;

// An aggregator's port that answers the first Enrol by a function of the test's.
class FakeAggregator final : public StreamHandler {
 public:
  using Reply = std::function<session::Frame(const session::Enrol&)>;

  explicit FakeAggregator(Reply reply) : reply_(std::move(reply)) {
    const std::int64_t now = std::time(nullptr);
    const Validity day{now - 60, now + 86'400};
    ca_ = MakeCa("test CA", day).value();
    const std::string key = MakeKey().value();
    const std::string certificate =
        SignCsr(MakeCsr(key, "x").value(), ca_, {.common_name = "agg", .server = true}, day)
            .value();
    auto tls = TlsContext::Make(
        {.server = true, .certificate_pem = certificate + ca_.certificate_pem, .key_pem = key});
    loop_.RunSync([&] {
      listener_ = *Listener::Open(loop_, {"127.0.0.1", 0}, tls.value(), {}, [this](auto stream) {
        stream_ = std::move(stream);
        return this;
      });
      port_ = listener_->port();
    });
  }
  ~FakeAggregator() override {
    loop_.RunSync([this] {
      stream_.reset();
      listener_.reset();
    });
    loop_.Stop();
  }

  void OnData(Stream& stream, std::string_view bytes) override {
    reader_.Feed(bytes);
    auto frame = reader_.Next();
    if (!frame || !*frame) return;
    stream.Write(Encode(reply_(std::get<session::Enrol>(**frame))));
  }
  void OnClose(Stream&, const Error&) override { stream_.reset(); }

  EnrolRequestOptions Options(const std::string& dir) const {
    return {.aggregator = {"127.0.0.1", port_},
            .token = "id.secret",
            .ca_pin = PinText(ReadCertificate(ca_.certificate_pem)->spki_sha256),
            .dir = dir,
            .host = "web-1"};
  }
  session::Frame Sign(const session::Enrol& request) const {
    const std::int64_t now = std::time(nullptr);
    return session::Enrolled{
        .agent_id = "agent-1",
        .epoch = 1,
        .certificate_pem =
            SignCsr(request.csr_der, ca_, {.common_name = "agent-1"}, {now - 60, now + 3600})
                .value(),
        .ca_pem = ca_.certificate_pem};
  }

 private:
  const Reply reply_;
  KeyAndCertificate ca_;
  Loop loop_{"fake"};
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<Stream> stream_;
  session::FrameReader reader_{session::kGreetingBytesMax};
  std::uint16_t port_ = 0;
};

TEST(EnrolTest, ATokenBecomesASavedIdentity) {
  const TempDir dir;
  FakeAggregator* self = nullptr;
  FakeAggregator aggregator([&](const session::Enrol& request) {
    EXPECT_EQ(request.token, "id.secret");
    EXPECT_EQ(request.host, "web-1");
    return self->Sign(request);
  });
  self = &aggregator;
  const auto identity = EnrolHost(aggregator.Options(dir.path()));
  ASSERT_TRUE(identity.has_value()) << identity.error().message;
  EXPECT_EQ(identity->info.common_name, "agent-1");
  EXPECT_EQ(identity->aggregator, aggregator.Options("").aggregator.ToString());
  EXPECT_TRUE(LoadIdentity(dir.path()).has_value());
}

TEST(EnrolTest, ARefusalIsShownAsTheAggregatorSaidIt) {
  const TempDir dir;
  FakeAggregator aggregator([](const session::Enrol&) {
    return session::Bye{.code = session::ByeCode::kNotEnrolled, .message = "token id was revoked"};
  });
  const auto refused = EnrolHost(aggregator.Options(dir.path()));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(refused.error().message, HasSubstr("refused: token id was revoked"));
  EXPECT_FALSE(LoadIdentity(dir.path()).has_value());
}

TEST(EnrolTest, AnotherCaThanThePinnedOneSeesNoToken) {
  const TempDir dir;
  bool asked = false;
  FakeAggregator aggregator([&](const session::Enrol&) {
    asked = true;
    return session::Bye{};
  });
  EnrolRequestOptions options = aggregator.Options(dir.path());
  options.ca_pin = PinText(std::string(32, 'x'));
  EXPECT_FALSE(EnrolHost(options).has_value());
  EXPECT_FALSE(asked);
}

TEST(EnrolTest, NobodyThereIsSaidWithTheAddress) {
  const TempDir dir;
  EnrolRequestOptions options{.aggregator = {"127.0.0.1", 1},
                              .token = "a.b",
                              .ca_pin = PinText(std::string(32, 'x')),
                              .dir = dir.path()};
  const auto refused = EnrolHost(options);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("127.0.0.1:1"));
}

}  // namespace
}  // namespace opssight
