#include "common/codec/otlp/json_message.h"

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "common/text/base64.h"
#include "common/text/number.h"

namespace opssight {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using simdjson::dom::element;

template <class T>
std::optional<T> Integer(element json) {
  if (std::int64_t value = 0; json.get_int64().get(value) == simdjson::SUCCESS) {
    if (!std::in_range<T>(value)) return std::nullopt;
    return static_cast<T>(value);
  }
  if (std::uint64_t value = 0; json.get_uint64().get(value) == simdjson::SUCCESS) {
    if (!std::in_range<T>(value)) return std::nullopt;
    return static_cast<T>(value);
  }
  if (double value = 0; json.get_double().get(value) == simdjson::SUCCESS) {  // 1e3, 2.0
    constexpr double kExact = 9007199254740992.0;  // 2^53: beyond, a double says nothing exact.
    if (std::trunc(value) != value || std::fabs(value) > kExact) return std::nullopt;
    const auto whole = static_cast<std::int64_t>(value);
    if (!std::in_range<T>(whole)) return std::nullopt;
    return static_cast<T>(whole);
  }
  std::string_view text;
  if (json.get_string().get(text) != simdjson::SUCCESS) return std::nullopt;
  return ParseInt<T>(text);
}

std::optional<double> Real(element json) {
  if (double value = 0; json.get_double().get(value) == simdjson::SUCCESS) return value;
  std::string_view text;
  if (json.get_string().get(text) != simdjson::SUCCESS) return std::nullopt;
  return ParseDouble(text);
}

// Ids are hex; what is no hex becomes an id of a wrong length, which the mapping refuses.
std::optional<std::string> Bytes(const FieldDescriptor& field, std::string_view text) {
  const std::string& name = field.name();
  if (name == "trace_id" || name == "span_id" || name == "parent_span_id") {
    return ParseHex(text).value_or("not hex");
  }
  if (name == "bytes_value") return ParseBase64(text);
  return std::string(text);
}

class Filler {
 public:
  Filler(Message& message, std::size_t& nodes)
      : message_(message), reflection_(*message.GetReflection()), nodes_(nodes) {}

  Status Object(simdjson::dom::object object) {
    const auto* type = message_.GetDescriptor();
    for (const auto pair : object) {
      const std::string key(pair.key);
      const FieldDescriptor* field = type->FindFieldByCamelcaseName(key);
      if (field == nullptr) field = type->FindFieldByName(key);
      if (field == nullptr || pair.value.is_null()) continue;
      if (auto status = Field(*field, pair.value); !status.has_value()) {
        return std::move(status).error().At(key);
      }
    }
    return {};
  }

 private:
  Status Field(const FieldDescriptor& field, element value) {
    if (!field.is_repeated()) return One(field, value);
    simdjson::dom::array array;
    if (value.get_array().get(array) != simdjson::SUCCESS) return Invalid("not an array");
    for (const element item : array) OPS_RETURN_IF_ERROR(One(field, item));
    return {};
  }

  template <class T, class Set, class Add>
  Status Put(const FieldDescriptor& field, const std::optional<T>& value, Set set, Add add) {
    if (!value) return Invalid(fmt::format("not a {}", field.cpp_type_name()));
    if (field.is_repeated()) {
      (reflection_.*add)(&message_, &field, *value);
    } else {
      (reflection_.*set)(&message_, &field, *value);
    }
    return {};
  }

  Status One(const FieldDescriptor& field, element value) {
    if (nodes_ == 0) return Exhausted("too many values");
    --nodes_;
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return FillMessage(value,
                           field.is_repeated() ? *reflection_.AddMessage(&message_, &field)
                                               : *reflection_.MutableMessage(&message_, &field),
                           nodes_);
      case FieldDescriptor::CPPTYPE_INT32:
        return Put(field, Integer<std::int32_t>(value), &Reflection::SetInt32,
                   &Reflection::AddInt32);
      case FieldDescriptor::CPPTYPE_UINT32:
        return Put(field, Integer<std::uint32_t>(value), &Reflection::SetUInt32,
                   &Reflection::AddUInt32);
      case FieldDescriptor::CPPTYPE_INT64:
        return Put(field, Integer<std::int64_t>(value), &Reflection::SetInt64,
                   &Reflection::AddInt64);
      case FieldDescriptor::CPPTYPE_UINT64:
        return Put(field, Integer<std::uint64_t>(value), &Reflection::SetUInt64,
                   &Reflection::AddUInt64);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return Put(field, Real(value), &Reflection::SetDouble, &Reflection::AddDouble);
      case FieldDescriptor::CPPTYPE_ENUM:
        return Put(field, Enum(field, value), &Reflection::SetEnumValue, &Reflection::AddEnumValue);
      case FieldDescriptor::CPPTYPE_BOOL:
        return Bool(field, value);
      case FieldDescriptor::CPPTYPE_STRING:
        return String(field, value);
      case FieldDescriptor::CPPTYPE_FLOAT:
        break;
    }
    return Invalid("a type that OTLP does not have");
  }

  static std::optional<int> Enum(const FieldDescriptor& field, element value) {
    std::string_view name;
    if (value.get_string().get(name) != simdjson::SUCCESS) return Integer<int>(value);
    const auto* named = field.enum_type()->FindValueByName(std::string(name));
    if (named != nullptr) return named->number();
    return ParseInt<int>(name);
  }

  Status Bool(const FieldDescriptor& field, element value) {
    bool flag = false;
    std::optional<bool> found;
    if (value.get_bool().get(flag) == simdjson::SUCCESS) found = flag;
    return Put(field, found, &Reflection::SetBool, &Reflection::AddBool);
  }

  Status String(const FieldDescriptor& field, element value) {
    std::string_view text;
    if (value.get_string().get(text) != simdjson::SUCCESS) return Invalid("not a string");
    auto bytes = Bytes(field, text);
    if (!bytes) return Invalid("not base64");
    if (field.is_repeated()) {
      reflection_.AddString(&message_, &field, *std::move(bytes));
    } else {
      reflection_.SetString(&message_, &field, *std::move(bytes));
    }
    return {};
  }

  Message& message_;
  const Reflection& reflection_;
  std::size_t& nodes_;
};

}  // namespace

Status FillMessage(simdjson::dom::element json, google::protobuf::Message& message,
                   std::size_t& nodes) {
  simdjson::dom::object object;
  if (json.get_object().get(object) != simdjson::SUCCESS) return Invalid("not an object");
  return Filler(message, nodes).Object(object);
}

bool JsonMember(simdjson::dom::object object, std::string_view camel, std::string_view snake,
                simdjson::dom::element& member) {
  for (const std::string_view name : {camel, snake}) {
    if (object.at_key(name).get(member) == simdjson::SUCCESS && !member.is_null()) return true;
  }
  return false;
}

}  // namespace opssight
