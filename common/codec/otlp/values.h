// OTLP values (AnyValue, KeyValue) to the model's, with the limits on them.
// Text is made valid UTF-8 on the way. Internal to this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/codec/otlp/otlp.h"

namespace google::protobuf {
template <class T>
class RepeatedPtrField;
}
namespace opssight::wire::otlp {
class AnyValue;
class KeyValue;
}  // namespace opssight::wire::otlp

namespace opssight::otlp {

using KeyValues = google::protobuf::RepeatedPtrField<wire::otlp::KeyValue>;

// At most bytes_max bytes, cut at a character; U+FFFD in place of what is no UTF-8.
std::string CleanText(std::string_view text, std::size_t bytes_max, std::uint64_t& cut);

// "…" with what JSON wants escaped; text is UTF-8.
void AppendJsonQuoted(std::string_view text, std::string& out);

class ValueReader {
 public:
  ValueReader(const OtlpLimits& limits, OtlpOutcome& outcome)
      : limits_(limits), outcome_(outcome) {}

  Value ToValue(const wire::otlp::AnyValue& value) const;
  // As a label, a tag or a log line shows it: maps and arrays as JSON.
  std::string ToText(const wire::otlp::AnyValue& value, std::size_t bytes_max) const;
  std::string Key(std::string_view key) const {
    return CleanText(key, limits_.key_bytes_max, outcome_.values_cut);
  }
  // The first attributes_max of them. Keys that come twice stay twice.
  std::vector<Attribute> Attributes(const KeyValues& from) const;
  // How many of from may be used; the rest is counted as dropped.
  int Usable(const KeyValues& from) const;

 private:
  void AppendJson(const wire::otlp::AnyValue& value, std::size_t depth, std::string& out) const;
  std::string Json(const wire::otlp::AnyValue& value) const;
  const OtlpLimits& limits_;
  OtlpOutcome& outcome_;
};

// About what a value, and what attributes, take in memory.
std::size_t BytesOf(const std::vector<Attribute>& attributes);

}  // namespace opssight::otlp
