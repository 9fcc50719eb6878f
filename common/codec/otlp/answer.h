// The bodies of answers to OTLP requests, in the encoding of the request. Pure
// functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/codec/otlp/outcome.h"
#include "common/model/record.h"

namespace opssight {

// ExportXServiceResponse: empty ({} in JSON) when all was kept, else partial_success.
// A message without rejected items is a warning, as the protocol has it.
std::string EncodeOtlpAnswer(Signal signal, OtlpEncoding encoding, const OtlpOutcome& outcome);

// google.rpc.Status; with RetryInfo where retry_after_s is above zero. code is a gRPC code.
std::string EncodeRpcStatus(int code, std::string_view message, std::int64_t retry_after_s,
                            OtlpEncoding encoding);

}  // namespace opssight
