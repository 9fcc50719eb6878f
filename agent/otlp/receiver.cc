#include "agent/otlp/receiver.h"

#include <utility>

namespace opssight {

OtlpReceiver::OtlpReceiver(Loop& loop, OtlpOptions options, Sink& sink, Clock& clock)
    : loop_(loop),
      consumer_(sink),
      service_(std::move(options), consumer_, clock),
      stats_(service_.stats()) {}

void OtlpReceiver::Handle(const HttpRequest& request, OtlpService::Respond respond) {
  loop_.AssertHere();
  service_.Handle(request, std::move(respond));
}

}  // namespace opssight
