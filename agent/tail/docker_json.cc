#include "agent/tail/docker_json.h"

#include <algorithm>

#include "common/text/number.h"
#include "common/text/time.h"

namespace opssight {
namespace {

constexpr int kDepthMax = 32;

void AppendUtf8(std::uint32_t code, std::string& out) {
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

// Takes JSON off the front of a line; every method says false where it is not there.
class Reader {
 public:
  explicit Reader(std::string_view rest) : rest_(rest) {}

  bool Take(char c) {
    SkipSpace();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool AtEnd() {
    SkipSpace();
    return rest_.empty();
  }

  bool String(std::string& out) {
    out.clear();
    if (!Take('"')) return false;
    for (;;) {
      const std::size_t stop = rest_.find_first_of("\"\\");
      if (stop == std::string_view::npos) return false;
      out.append(rest_.substr(0, stop));
      const bool ends = rest_[stop] == '"';
      rest_.remove_prefix(stop + 1);
      if (ends) return true;
      if (!Escape(out)) return false;
    }
  }

  bool SkipValue(int depth) {
    if (depth > kDepthMax) return false;
    SkipSpace();
    if (rest_.empty()) return false;
    std::string unused;
    if (rest_.front() == '"') return String(unused);
    if (Take('{')) {
      if (Take('}')) return true;
      do {
        if (!String(unused) || !Take(':') || !SkipValue(depth + 1)) return false;
      } while (Take(','));
      return Take('}');
    }
    if (Take('[')) {
      if (Take(']')) return true;
      do {
        if (!SkipValue(depth + 1)) return false;
      } while (Take(','));
      return Take(']');
    }
    const std::size_t size = std::min(rest_.find_first_of(",]} \t\r"), rest_.size());
    const std::string_view word = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return word == "true" || word == "false" || word == "null" ||
           (!word.empty() &&
            (word.front() == '-' || (word.front() >= '0' && word.front() <= '9')) &&
            ParseDouble(word).has_value());
  }

 private:
  void SkipSpace() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r"), rest_.size()));
  }

  std::optional<std::uint32_t> Hex4() {
    if (rest_.size() < 4) return std::nullopt;
    const auto code = ParseInt<std::uint32_t>(rest_.substr(0, 4), 16);
    if (code) rest_.remove_prefix(4);
    return code;
  }

  // What follows a backslash.
  bool Escape(std::string& out) {
    if (rest_.empty()) return false;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    switch (c) {
      case '"':
      case '\\':
      case '/':
        out.push_back(c);
        return true;
      case 'b':
        out.push_back('\b');
        return true;
      case 'f':
        out.push_back('\f');
        return true;
      case 'n':
        out.push_back('\n');
        return true;
      case 'r':
        out.push_back('\r');
        return true;
      case 't':
        out.push_back('\t');
        return true;
      case 'u':
        return Unicode(out);
      default:
        return false;
    }
  }

  bool Unicode(std::string& out) {
    const auto code = Hex4();
    if (!code) return false;
    if (*code < 0xd800 || *code > 0xdfff) {
      AppendUtf8(*code, out);
      return true;
    }
    if (*code < 0xdc00 && rest_.substr(0, 2) == "\\u") {
      const std::string_view before = rest_;
      rest_.remove_prefix(2);
      const auto low = Hex4();
      if (!low) return false;
      if (*low >= 0xdc00 && *low <= 0xdfff) {
        AppendUtf8(0x10000 + ((*code - 0xd800) << 10) + (*low - 0xdc00), out);
        return true;
      }
      rest_ = before;
    }
    AppendUtf8(0xfffd, out);
    return true;
  }

  std::string_view rest_;
};

}  // namespace

std::optional<DockerRecord> ParseDockerRecord(std::string_view line) {
  Reader in(line);
  DockerRecord record;
  bool has_log = false;
  std::string key;
  std::string stream;
  std::string time;
  if (!in.Take('{')) return std::nullopt;
  do {
    if (!in.String(key) || !in.Take(':')) return std::nullopt;
    bool good = false;
    if (key == "log") {
      good = has_log = in.String(record.text);
    } else if (key == "stream") {
      good = in.String(stream);
    } else if (key == "time") {
      good = in.String(time);
    } else {
      good = in.SkipValue(1);
    }
    if (!good) return std::nullopt;
  } while (in.Take(','));
  if (!in.Take('}') || !in.AtEnd() || !has_log) return std::nullopt;
  if (stream != "stdout" && stream != "stderr") return std::nullopt;
  const auto time_ns = ParseRfc3339Ns(time);
  if (!time_ns) return std::nullopt;
  record.time_ns = *time_ns;
  record.is_stderr = stream == "stderr";
  record.partial = record.text.empty() || record.text.back() != '\n';
  if (!record.partial) record.text.pop_back();
  return record;
}

}  // namespace opssight
