// Any bytes after the preface leave the session sane; every request is answered.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/codec/grpc/grpc.h"
#include "common/codec/grpc/h2_session.h"

namespace {

struct Collect final : opssight::H2Handler {
  void OnRequest(opssight::H2Request request) override { requests.push_back(std::move(request)); }
  void OnStreamClosed(std::int32_t) override {}
  std::vector<opssight::H2Request> requests;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view stream(reinterpret_cast<const char*>(data), size);
  (void)opssight::ReadGrpcMessage(stream, "gzip", 1 << 16);
  Collect collect;
  opssight::H2Session session(
      opssight::H2Options{.header_bytes_max = 1024, .body_bytes_max = 1024, .streams_max = 4},
      collect);
  if (!session.Receive(opssight::kH2Preface)) return 0;
  for (std::size_t at = 0; at < stream.size(); at += 512) {
    if (!session.Receive(stream.substr(at, 512))) break;
    for (const auto& request : collect.requests) {
      session.Respond(request.id, 200, {}, request.body,
                      opssight::GrpcTrailers(opssight::GrpcStatus::kOk, request.target));
    }
    collect.requests.clear();
    (void)session.TakeOutput(1 << 16);
  }
  return 0;
}
