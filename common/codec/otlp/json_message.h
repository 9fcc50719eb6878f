// FillMessage reads one OTLP/JSON object into the protobuf message of the same
// shape: names in camelCase or snake_case, unknown ones skipped, ids in hex, other
// bytes in base64, 64-bit numbers as numbers or strings, enums as numbers or names,
// null as absent. So JSON and protobuf meet before anything is mapped.
// Recursion is as deep as the JSON, which the parser has limited.
#pragma once

#include <simdjson.h>
#include <string_view>

#include "common/base/result.h"

namespace google::protobuf {
class Message;
}

namespace opssight {

// Deep enough for kvlists 100 deep; simdjson refuses more before we see it.
inline constexpr std::size_t kJsonDepthMax = 512;

// nodes is how many values may still be read, counted down; kExhausted below zero.
Status FillMessage(simdjson::dom::element json, google::protobuf::Message& message,
                   std::size_t& nodes);

// The member under either name; null counts as none.
bool JsonMember(simdjson::dom::object object, std::string_view camel, std::string_view snake,
                simdjson::dom::element& member);

}  // namespace opssight
