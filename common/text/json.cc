#include "common/text/json.h"

#include <fmt/core.h>

#include "common/text/utf8.h"

namespace opssight {

void JsonWriter::Comma() {
  if (!first_) out_.push_back(',');
  first_ = false;
}

JsonWriter& JsonWriter::Open(char bracket) {
  Comma();
  out_.push_back(bracket);
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::Close(char bracket) {
  out_.push_back(bracket);
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::Key(std::string_view key) {
  Comma();
  Quote(key);
  out_.push_back(':');
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::String(std::string_view text) {
  Comma();
  Quote(text);
  return *this;
}

JsonWriter& JsonWriter::Raw(std::string_view json) {
  Comma();
  out_.append(json);
  return *this;
}

void JsonWriter::Quote(std::string_view text) {
  out_.push_back('"');
  while (!text.empty()) {
    const std::size_t size = Utf8CharacterLength(text);
    const char c = text[0];
    if (size == 0) {
      out_.append("\xef\xbf\xbd");
    } else if (c == '"' || c == '\\') {
      out_.push_back('\\');
      out_.push_back(c);
    } else if (c == '\n') {
      out_.append("\\n");
    } else if (c == '\t') {
      out_.append("\\t");
    } else if (c >= 0 && c < ' ') {
      out_.append(fmt::format("\\u{:04x}", static_cast<unsigned>(c)));
    } else {
      out_.append(text.substr(0, size));
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  out_.push_back('"');
}

}  // namespace opssight
