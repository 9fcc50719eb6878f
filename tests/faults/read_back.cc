#include "tests/faults/read_back.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>
#include <optional>
#include <simdjson.h>
#include <string_view>

#include <fmt/core.h>

#include "tests/support/http.h"

namespace opssight::faults {
namespace {

using simdjson::dom::element;

constexpr std::size_t kPage = 5000;                       // Loki's limit.
constexpr std::int64_t kWindowMs = 20'000;                // Of metrics in one answer.
constexpr std::int64_t kWindowNs = 3'600 * kNsPerSecond;  // Longer than any run's times.

std::optional<std::uint64_t> Number(std::string_view text, int base = 10) {
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n, base);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return n;
}

class Document {
 public:
  // path: after the URL of the aggregator.
  static Result<Document> Get(const std::string& url, const std::string& path) {
    const HttpAnswer answer = HttpGet(url + path);
    if (answer.status != 200) {
      return Error{answer.status == 404 ? ErrorCode::kNotFound : ErrorCode::kIo,
                   fmt::format("GET {}{}: {} {}", url, path, answer.status, answer.body)};
    }
    Document document;
    document.parser_ = std::make_unique<simdjson::dom::parser>();
    if (document.parser_->parse(answer.body).get(document.root_) != simdjson::SUCCESS) {
      return Invalid(fmt::format("GET {}{}: no JSON: {}", url, path, answer.body.substr(0, 200)));
    }
    return document;
  }
  const element& root() const { return root_; }

 private:
  std::unique_ptr<simdjson::dom::parser> parser_;
  element root_;
};

// The array at a JSON pointer; empty where there is none.
std::vector<element> Array(const element& at, std::string_view pointer) {
  std::vector<element> out;
  simdjson::dom::array array;
  if (at.at_pointer(pointer).get_array().get(array) != simdjson::SUCCESS) return out;
  for (const element one : array) out.push_back(one);
  return out;
}

std::string_view Text(const element& at, std::string_view pointer) {
  std::string_view text;
  return at.at_pointer(pointer).get_string().get(text) == simdjson::SUCCESS ? text : "";
}

std::int64_t Integer(const element& at, std::string_view pointer) {
  std::int64_t value = 0;
  return at.at_pointer(pointer).get_int64().get(value) == simdjson::SUCCESS ? value : -1;
}

// ---- logs

// The label that no other source has.
std::string LabelOf(const Source& source) {
  const char* name = source.kind == SourceKind::kCri      ? "pod"
                     : source.kind == SourceKind::kDocker ? "container_name"
                                                          : "service_name";
  return fmt::format("{}=\"{}\"", name, source.name);
}

std::string Selector(const Source& source) {
  return "{" + LabelOf(source) + "}";
}

struct ReadLine {
  std::int64_t time_ns = 0;
  std::string text;
};

Result<std::vector<ReadLine>> Page(const std::string& url, const Source& source,
                                   std::int64_t from_ns) {
  OPS_TRY(
      const Document page,
      Document::Get(url, fmt::format("/loki/api/v1/query_range?query={}&start={}&end={}&limit={}"
                                     "&direction=forward",
                                     UrlEscape(Selector(source)), from_ns,
                                     source.base_ns + kWindowNs, kPage)));
  std::vector<ReadLine> lines;
  for (const element& stream : Array(page.root(), "/data/result")) {
    for (const element& value : Array(stream, "/values")) {
      const auto time = Number(Text(value, "/0"));
      if (!time) return Invalid("a line without a time");
      lines.push_back({static_cast<std::int64_t>(*time), std::string(Text(value, "/1"))});
    }
  }
  std::stable_sort(lines.begin(), lines.end(),
                   [](const ReadLine& a, const ReadLine& b) { return a.time_ns < b.time_ns; });
  return lines;
}

void TakeLine(const Source& source, const ReadLine& line, Evidence& evidence) {
  const std::string_view text = line.text;
  const auto n = text.substr(0, 2) == "n=" ? Number(text.substr(2, text.find(' ') - 2))
                                           : std::optional<std::uint64_t>();
  if (!n || source.Line(*n) != text || (source.timed() && source.TimeNs(*n) != line.time_ns)) {
    evidence.strange.push_back(fmt::format("{} {}", line.time_ns, text));
    return;
  }
  evidence.found.push_back(*n);
}

Status ReadLines(const std::string& url, const Source& source, Evidence& evidence) {
  std::int64_t from_ns = source.base_ns;
  while (true) {
    OPS_TRY(std::vector<ReadLine> lines, Page(url, source, from_ns));
    const bool last = lines.size() < kPage;
    if (!last) {  // The page may end within lines of one time: they begin the next.
      from_ns = lines.back().time_ns;
      while (!lines.empty() && lines.back().time_ns == from_ns) lines.pop_back();
      if (lines.empty()) return Invalid(fmt::format("{} lines of one time", kPage));
    }
    for (const ReadLine& line : lines) TakeLine(source, line, evidence);
    if (last) return {};
  }
}

// ---- spans

void TakeSpan(const Source& source, const element& span, Evidence& evidence) {
  const auto n = Number(Text(span, "/spanID"), 16);
  std::string_view pad;
  for (const element& tag : Array(span, "/tags")) {
    if (Text(tag, "/key") == "pad") pad = Text(tag, "/value");
  }
  if (!n || Integer(span, "/startTime") != source.TimeNs(*n) / kNsPerUs || pad != source.Pad(*n)) {
    evidence.strange.push_back(simdjson::minify(span));
    return;
  }
  evidence.found.push_back(*n);
}

Status ReadSpans(const std::string& url, const Source& source, Evidence& evidence) {
  // One further than was emitted: nothing may be there.
  for (std::uint64_t part = 0; part <= evidence.emitted / kSpansOfTrace; ++part) {
    auto trace = Document::Get(url, "/api/traces/" + source.TraceId(part));
    if (!trace && trace.error().code == ErrorCode::kNotFound) continue;
    if (!trace) return std::move(trace).error();
    for (const element& span : Array(trace->root(), "/data/0/spans")) {
      TakeSpan(source, span, evidence);
    }
  }
  return {};
}

// ---- metrics

Status ReadPoints(const std::string& url, const Source& source, Evidence& evidence) {
  const auto emitted = static_cast<std::int64_t>(evidence.emitted);
  for (std::int64_t end = kWindowMs; end - kWindowMs <= emitted; end += kWindowMs) {
    const std::int64_t time_ms = source.base_ns / kNsPerMs + end;
    OPS_TRY(
        const Document window,
        Document::Get(url, fmt::format("/api/v1/query?query={}[{}ms]&time={}.{:03}", source.name,
                                       kWindowMs, time_ms / 1000, time_ms % 1000)));
    for (const element& series : Array(window.root(), "/data/result")) {
      for (const element& value : Array(series, "/values")) {
        double time_s = 0;
        const bool timed = value.at_pointer("/0").get_double().get(time_s) == simdjson::SUCCESS;
        const auto n = Number(Text(value, "/1"));
        if (timed && n && std::llround(time_s * 1000) == source.TimeNs(*n) / kNsPerMs) {
          evidence.found.push_back(*n);
        } else {
          evidence.strange.push_back(simdjson::minify(value));
        }
      }
    }
  }
  return {};
}

// ---- gaps

bool Concerns(const Source& source, std::string_view signal, std::string_view stream) {
  switch (source.kind) {
    case SourceKind::kCri:
    case SourceKind::kDocker:
    case SourceKind::kFile:
      return signal == "logs" && stream.find(LabelOf(source)) != stream.npos;
    case SourceKind::kSpans:
      return signal == "spans" && stream == source.name;
    case SourceKind::kMetrics:
      return signal == "metrics" && stream == source.name + "/1";
  }
  return false;
}

template <class Wanted>
Result<std::vector<GapRecord>> Gaps(const std::string& url, std::int64_t from_ns, Wanted wanted) {
  OPS_TRY(const Document document,
          Document::Get(
              url, fmt::format("/api/v1/monitoring/gaps?start={}&end={}",
                               from_ns / kNsPerSecond - 60, (from_ns + kWindowNs) / kNsPerSecond)));
  std::vector<GapRecord> gaps;
  for (const element& gap : Array(document.root(), "/data")) {
    if (!wanted(Text(gap, "/signal"), Text(gap, "/stream"))) continue;
    gaps.push_back(
        {.from_ns = static_cast<std::int64_t>(Number(Text(gap, "/fromUnixNano")).value_or(0)),
         .to_ns = static_cast<std::int64_t>(Number(Text(gap, "/toUnixNano")).value_or(0)),
         .count = static_cast<std::uint64_t>(Integer(gap, "/count")),
         .reason = std::string(Text(gap, "/reason"))});
  }
  return gaps;
}

}  // namespace

Result<Evidence> ReadBack(const std::string& url, const Source& source, std::uint64_t emitted,
                          std::uint64_t retried) {
  Evidence evidence{.source = source.name,
                    .emitted = emitted,
                    .timed = source.timed(),
                    .first_ns = source.TimeNs(1),
                    .step_ns = source.step_ns(),
                    .retried = retried};
  const auto read = source.log()                        ? &ReadLines
                    : source.kind == SourceKind::kSpans ? &ReadSpans
                                                        : &ReadPoints;
  OPS_RETURN_IF_ERROR(read(url, source, evidence));
  OPS_TRY(evidence.gaps,
          Gaps(url, source.base_ns, [&](std::string_view signal, std::string_view stream) {
            return Concerns(source, signal, stream);
          }));
  return evidence;
}

bool HasLine(const std::string& url, const Source& source, std::uint64_t n) {
  const std::string query = fmt::format("{} |= \"n={} \"", Selector(source), n);
  const std::int64_t from_ns = source.timed() ? source.TimeNs(n) : source.base_ns;
  const std::int64_t to_ns = source.timed() ? from_ns + 1 : source.base_ns + kWindowNs;
  const auto page =
      Document::Get(url, fmt::format("/loki/api/v1/query_range?query={}&start={}&end={}&limit=1",
                                     UrlEscape(query), from_ns, to_ns));
  return page && !Array(page->root(), "/data/result").empty();
}

Result<std::vector<GapRecord>> NamelessGaps(const std::string& url, std::int64_t from_ns) {
  return Gaps(url, from_ns, [](std::string_view, std::string_view stream) {
    return stream.empty() || stream == "{}";
  });
}

}  // namespace opssight::faults
