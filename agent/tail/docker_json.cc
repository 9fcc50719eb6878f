#include "agent/tail/docker_json.h"

#include <algorithm>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "common/text/number.h"
#include "common/text/time.h"
#include "common/text/utf8.h"

namespace opssight {
namespace {

constexpr int kDepthMax = 32;

// What a backslash and c stand for where that is one byte; 0: something else.
constexpr char ShortEscape(char c) {
  switch (c) {
    case '"':
    case '\\':
    case '/':
      return c;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
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

  std::size_t left() const { return rest_.size(); }

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

  // What follows a backslash.
  bool Escape(std::string& out) {
    if (rest_.empty()) return false;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (c == 'u') return Unicode(out);
    const char plain = ShortEscape(c);
    if (plain != 0) out.push_back(plain);
    return plain != 0;
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
    AppendUtf8(kReplacement, out);
    return true;
  }

  std::string_view rest_;
};

// Sets what follows from the fields.
std::optional<DockerRecord> Finish(std::string_view text, std::string_view stream,
                                   std::string_view time) {
  if (stream != "stdout" && stream != "stderr") return std::nullopt;
  const auto time_ns = ParseRfc3339Ns(time);
  if (!time_ns) return std::nullopt;
  const bool partial = !text.ends_with('\n');
  if (!partial) text.remove_suffix(1);
  return DockerRecord{
      .time_ns = *time_ns, .is_stderr = stream == "stderr", .partial = partial, .text = text};
}

// Copies from [at, end) to out up to the next '"' or '\\', and moves both there. May write
// 15 bytes more than that. False: there is none.
bool CopyPlain(const char*& at, const char* end, char*& out) {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  for (; end - at >= 16; at += 16, out += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bytes);
    const int stops = _mm_movemask_epi8(
        _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
    if (stops != 0) {
      const int plain = __builtin_ctz(static_cast<unsigned>(stops));
      at += plain;
      out += plain;
      return true;
    }
  }
#endif
  for (; at != end; ++at) {
    if (*at == '"' || *at == '\\') return true;
    *out++ = *at;
  }
  return false;
}

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// The record as Docker writes it. Nothing: take the general path.
std::optional<DockerRecord> ParseInOrder(std::string_view line, std::string& scratch) {
  if (!TakePrefix(line, "{\"log\":\"")) return std::nullopt;
  // Text gets no longer by unescaping; 16 for CopyPlain.
  if (scratch.size() < line.size() + 16) scratch.resize(2 * line.size() + 16);
  const char* at = line.data();
  const char* const end = at + line.size();
  char* out = scratch.data();
  for (;;) {
    if (!CopyPlain(at, end, out)) return std::nullopt;
    if (*at == '"') break;
    if (end - at < 2) return std::nullopt;
    const char plain = ShortEscape(at[1]);
    if (plain != 0) {
      *out++ = plain;
      at += 2;
      continue;
    }
    // A \u escape, maybe two: what Go writes for < > & and control characters.
    std::string bytes;
    Reader in({at + 1, static_cast<std::size_t>(end - at) - 1});
    if (!in.Escape(bytes)) return std::nullopt;
    std::memcpy(out, bytes.data(), bytes.size());
    out += bytes.size();
    at = end - in.left();
  }
  line.remove_prefix(static_cast<std::size_t>(at - line.data()));
  std::string_view stream = "stdout";
  if (!TakePrefix(line, "\",\"stream\":\"stdout\",\"time\":\"")) {
    if (!TakePrefix(line, "\",\"stream\":\"stderr\",\"time\":\"")) return std::nullopt;
    stream = "stderr";
  }
  if (!line.ends_with("\"}")) return std::nullopt;
  line.remove_suffix(2);
  return Finish({scratch.data(), static_cast<std::size_t>(out - scratch.data())}, stream, line);
}

}  // namespace

std::optional<DockerRecord> ParseDockerRecord(std::string_view line, std::string& scratch) {
  if (auto record = ParseInOrder(line, scratch)) return record;
  return ParseDockerRecordAnyOrder(line, scratch);
}

std::optional<DockerRecord> ParseDockerRecordAnyOrder(std::string_view line, std::string& scratch) {
  Reader in(line);
  bool has_log = false;
  std::string key;
  std::string stream;
  std::string time;
  if (!in.Take('{')) return std::nullopt;
  do {
    if (!in.String(key) || !in.Take(':')) return std::nullopt;
    bool good = false;
    if (key == "log") {
      good = has_log = in.String(scratch);
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
  return Finish(scratch, stream, time);
}

}  // namespace opssight
