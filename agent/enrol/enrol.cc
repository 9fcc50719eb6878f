#include "agent/enrol/enrol.h"

#include <future>
#include <memory>
#include <utility>

#include <fmt/core.h>

#include "common/net/loop.h"
#include "common/net/stream.h"
#include "common/net/timer.h"
#include "common/net/tls.h"
#include "common/pki/pki.h"

namespace opssight {
namespace {

using Answer = Result<session::Enrolled>;

// One conversation: sends the request once the connection is open, waits for the
// answer. Lives on the loop; done is called once.
class Conversation final : public StreamHandler {
 public:
  Conversation(Loop& loop, std::string peer, std::string request, std::promise<Answer> done)
      : timer_(loop),
        peer_(std::move(peer)),
        request_(std::move(request)),
        done_(std::move(done)) {}

  void Start(std::unique_ptr<Stream> stream, std::int64_t timeout_ms) {
    stream_ = std::move(stream);
    timer_.Start(timeout_ms, 0, [this, timeout_ms] {
      Finish(
          Unavailable(fmt::format("enrol: {}: no answer within {} s", peer_, timeout_ms / 1000)));
    });
  }

  void OnOpen(Stream& stream) override { stream.Write(std::exchange(request_, {})); }
  void OnData(Stream&, std::string_view bytes) override {
    reader_.Feed(bytes);
    auto frame = reader_.Next();
    if (!frame) return Finish(std::move(frame).error().At("enrol: " + peer_));
    if (!*frame) return;
    if (auto* enrolled = std::get_if<session::Enrolled>(&**frame)) {
      return Finish(std::move(*enrolled));
    }
    if (const auto* bye = std::get_if<session::Bye>(&**frame)) {
      const bool later = bye->code == session::ByeCode::kOverloaded;
      return Finish(Error{later ? ErrorCode::kUnavailable : ErrorCode::kInvalid,
                          fmt::format("enrol: {} refused: {}", peer_, bye->message)});
    }
    Finish(
        Invalid(fmt::format("enrol: {} answered with {}; is it an OpsSight aggregator's port for "
                            "agents?",
                            peer_, NameOf(**frame))));
  }
  void OnClose(Stream&, const Error& why) override { Finish(Error(why).At("enrol")); }

 private:
  void Finish(Answer answer) {
    timer_.Stop();
    stream_.reset();
    if (!std::exchange(finished_, true)) done_.set_value(std::move(answer));
  }

  Timer timer_;
  const std::string peer_;
  std::string request_;
  std::promise<Answer> done_;
  bool finished_ = false;
  std::unique_ptr<Stream> stream_;
  session::FrameReader reader_{session::kGreetingBytesMax};
};

Answer Ask(const EnrolRequestOptions& options, std::shared_ptr<TlsContext> tls,
           std::string request) {
  std::promise<Answer> done;
  std::future<Answer> answer = done.get_future();
  Loop loop("enrol");
  std::unique_ptr<Conversation> conversation;
  loop.RunSync([&] {
    conversation = std::make_unique<Conversation>(loop, options.aggregator.ToString(),
                                                  std::move(request), std::move(done));
    conversation->Start(Connect(loop, options.aggregator, std::move(tls), "", *conversation),
                        options.timeout_ms);
  });
  Answer result = answer.get();
  loop.RunSync([&] { conversation.reset(); });
  loop.Stop();
  return result;
}

}  // namespace

Result<Identity> EnrolHost(const EnrolRequestOptions& options) {
  OPS_TRY(std::string pin, ParsePin(options.ca_pin));
  OPS_TRY(std::string key, EnrolmentKey(options.dir));
  OPS_TRY(std::string csr, MakeCsr(key, "opssight-agent"));
  OPS_TRY(std::shared_ptr<TlsContext> tls,
          TlsContext::Make({.tls13_only = true, .spki_pin = std::move(pin), .check_name = false}));
  OPS_TRY(const session::Enrolled enrolled,
          Ask(options, std::move(tls),
              session::Encode(session::Enrol{.token = options.token,
                                             .csr_der = std::move(csr),
                                             .fingerprint = options.fingerprint,
                                             .host = options.host})));
  OPS_RETURN_IF_ERROR(SaveIdentity(options.dir, {.aggregator = options.aggregator.ToString(),
                                                 .key_pem = std::move(key),
                                                 .certificate_pem = enrolled.certificate_pem,
                                                 .ca_pem = enrolled.ca_pem}));
  return LoadIdentity(options.dir);
}

}  // namespace opssight
