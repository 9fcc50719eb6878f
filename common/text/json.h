// JsonWriter appends JSON to a string; commas come by themselves. Bytes that are
// not UTF-8 become U+FFFD, so an answer is always valid JSON. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace opssight {

class JsonWriter {
 public:
  JsonWriter& Open(char bracket);  // '{' or '['.
  JsonWriter& Close(char bracket);
  JsonWriter& Key(std::string_view key);
  JsonWriter& String(std::string_view text);
  JsonWriter& Raw(std::string_view json);  // A number, true, null, or whole JSON.
  JsonWriter& Int(std::int64_t value) { return Raw(std::to_string(value)); }
  std::string Take() { return std::move(out_); }

 private:
  void Comma();
  void Quote(std::string_view text);
  std::string out_;
  bool first_ = true;  // No comma before what comes next.
};

}  // namespace opssight
