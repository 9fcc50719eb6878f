#include "common/codec/otlp/values.h"

#include <algorithm>
#include <cmath>
#include <simdjson.h>

#include <fmt/format.h>

#include "common/text/base64.h"
#include "common/text/number.h"
#include "common/text/utf8.h"
#include "schemas/otlp.pb.h"

namespace opssight::otlp {
namespace {

using wire::otlp::AnyValue;
using wire::otlp::KeyValue;

std::string Repaired(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 16);
  while (!text.empty()) {
    const std::size_t length = Utf8CharacterLength(text);
    out.append(length == 0 ? std::string_view("\xef\xbf\xbd") : text.substr(0, length));
    text.remove_prefix(std::max<std::size_t>(1, length));
  }
  return out;
}

}  // namespace

void AppendJsonQuoted(std::string_view text, std::string& out) {
  out.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

std::string CleanText(std::string_view text, std::size_t bytes_max, std::uint64_t& cut) {
  if (text.size() > bytes_max) {
    ++cut;
    std::size_t end = bytes_max;  // Not inside a character.
    while (end > 0 && bytes_max - end < 4 &&
           (static_cast<std::uint8_t>(text[end]) & 0xc0U) == 0x80) {
      --end;
    }
    text = text.substr(0, end);
  }
  // Most texts are short ASCII, for which the vectors of simdjson do not pay.
  const bool ascii = text.size() < 64 && std::all_of(text.begin(), text.end(), [](char c) {
                       return static_cast<unsigned char>(c) < 0x80;
                     });
  if (ascii || simdjson::validate_utf8(text.data(), text.size())) return std::string(text);
  return Repaired(text);
}

Value ValueReader::ToValue(const AnyValue& value) const {
  switch (value.value_case()) {
    case AnyValue::kBoolValue:
      return Value::Bool(value.bool_value());
    case AnyValue::kIntValue:
      return Value::Int(value.int_value());
    case AnyValue::kDoubleValue:
      return Value::Double(value.double_value());
    case AnyValue::kArrayValue:
    case AnyValue::kKvlistValue: {
      std::string json = Json(value);
      if (json.size() <= limits_.value_bytes_max) return Value::Json(std::move(json));
      return Value::String(CleanText(json, limits_.value_bytes_max, outcome_.values_cut));
    }
    case AnyValue::kBytesValue: {
      const bool cut = value.bytes_value().size() > limits_.value_bytes_max;
      outcome_.values_cut += cut ? 1 : 0;
      return Value::Bytes(value.bytes_value().substr(0, limits_.value_bytes_max));
    }
    case AnyValue::kStringValue:
      return Value::String(
          CleanText(value.string_value(), limits_.value_bytes_max, outcome_.values_cut));
    case AnyValue::VALUE_NOT_SET:
      break;
  }
  return Value::String("");
}

std::string ValueReader::ToText(const AnyValue& value, std::size_t bytes_max) const {
  switch (value.value_case()) {
    case AnyValue::kStringValue:
      return CleanText(value.string_value(), bytes_max, outcome_.values_cut);
    case AnyValue::kArrayValue:
    case AnyValue::kKvlistValue:
      return CleanText(Json(value), bytes_max, outcome_.values_cut);
    default:
      return CleanText(ToValue(value).ToString(), bytes_max, outcome_.values_cut);
  }
}

std::string ValueReader::Json(const AnyValue& value) const {
  std::string out;
  AppendJson(value, 0, out);
  return out;
}

void ValueReader::AppendJson(const AnyValue& value, std::size_t depth, std::string& out) const {
  switch (value.value_case()) {
    case AnyValue::kArrayValue:
    case AnyValue::kKvlistValue:
      break;
    case AnyValue::kIntValue:
      out += std::to_string(value.int_value());
      return;
    case AnyValue::kBoolValue:
      out += value.bool_value() ? "true" : "false";
      return;
    case AnyValue::kDoubleValue:
      if (std::isfinite(value.double_value())) return AppendDouble(value.double_value(), out);
      return AppendJsonQuoted(FormatDouble(value.double_value()), out);
    case AnyValue::kBytesValue:
      return AppendJsonQuoted(Base64(value.bytes_value()), out);
    case AnyValue::kStringValue:
      return AppendJsonQuoted(CleanText(value.string_value(), SIZE_MAX, outcome_.values_cut), out);
    case AnyValue::VALUE_NOT_SET:
      out += "null";
      return;
  }
  if (depth >= limits_.value_depth_max) {
    ++outcome_.values_cut;
    out += "null";
    return;
  }
  const bool map = value.has_kvlist_value();
  out.push_back(map ? '{' : '[');
  const std::size_t start = out.size();
  for (const KeyValue& entry : value.kvlist_value().values()) {
    if (out.size() != start) out.push_back(',');
    AppendJsonQuoted(Key(entry.key()), out);
    out.push_back(':');
    AppendJson(entry.value(), depth + 1, out);
  }
  for (const AnyValue& entry : value.array_value().values()) {
    if (out.size() != start) out.push_back(',');
    AppendJson(entry, depth + 1, out);
  }
  out.push_back(map ? '}' : ']');
}

int ValueReader::Usable(const KeyValues& from) const {
  const auto max = static_cast<int>(limits_.attributes_max);
  if (from.size() <= max) return from.size();
  outcome_.attributes_dropped += static_cast<std::uint64_t>(from.size() - max);
  return max;
}

std::vector<Attribute> ValueReader::Attributes(const KeyValues& from) const {
  const int count = Usable(from);
  std::vector<Attribute> out;
  out.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    out.push_back({.key = Key(from.Get(i).key()), .value = ToValue(from.Get(i).value())});
  }
  return out;
}

std::size_t BytesOf(const std::vector<Attribute>& attributes) {
  std::size_t bytes = attributes.size() * sizeof(Attribute);
  for (const Attribute& one : attributes) bytes += one.key.size() + one.value.text.size();
  return bytes;
}

}  // namespace opssight::otlp
