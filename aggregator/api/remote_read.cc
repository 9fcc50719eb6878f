#include "aggregator/api/remote_read.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "common/bytes/snappy.h"
#include "common/http/responder.h"

namespace opssight {
namespace {

MatchType TypeOf(ReadMatcher::Type type) {
  switch (type) {
    case ReadMatcher::Type::kEqual:
      return MatchType::kEqual;
    case ReadMatcher::Type::kNotEqual:
      return MatchType::kNotEqual;
    case ReadMatcher::Type::kRegex:
      return MatchType::kRegex;
    case ReadMatcher::Type::kNotRegex:
      break;
  }
  return MatchType::kNotRegex;
}

// limits are of the whole request: what is found goes off them.
Result<std::vector<Series>> Select(const ReadQuery& query, const SeriesSource& source,
                                   QueryLimits& limits) {
  std::vector<Matcher> matchers;
  for (const ReadMatcher& from : query.matchers) {
    OPS_TRY(Matcher matcher, Matcher::Make(TypeOf(from.type), from.name, from.value));
    matchers.push_back(std::move(matcher));
  }
  OPS_TRY(std::vector<Series> series, source.Select(matchers, query.from_ms, query.to_ms, limits));
  for (const Series& one : series) {
    const std::uint64_t samples = one.samples.size() + one.histograms.size();
    limits.samples_max -= std::min(limits.samples_max, samples);
  }
  std::sort(series.begin(), series.end(),
            [](const Series& a, const Series& b) { return a.labels < b.labels; });
  return series;
}

// Takes the samples of series with it.
ReadSeries Converted(Series& series) {
  ReadSeries out{.labels = std::move(series.labels)};
  out.samples.reserve(series.samples.size());
  for (const Sample& sample : series.samples) {
    out.samples.push_back({.time_ms = sample.time_ms, .value = sample.value});
  }
  for (const HistogramSample& one : series.histograms) {
    out.histograms.push_back({.time_ms = one.time_ms, .histogram = *one.histogram});
  }
  series = {};
  return out;
}

Result<HttpResponse> AnswerSamples(const ReadRequest& request, const SeriesSource& source,
                                   QueryLimits limits) {
  std::string body;
  for (const ReadQuery& query : request.queries) {
    OPS_TRY(std::vector<Series> found, Select(query, source, limits));
    std::vector<std::vector<ReadSeries>> result(1);
    for (Series& series : found) result[0].push_back(Converted(series));
    body += EncodeReadResponse(result);  // Results one after the other are one answer.
  }
  return HttpResponse{
      .status = 200,
      .headers = {{"content-type", "application/x-protobuf"}, {"content-encoding", "snappy"}},
      .body = SnappyCompress(body)};
}

Result<HttpResponse> AnswerStream(const ReadRequest& request, const SeriesSource& source,
                                  const ReadLimits& read_limits, QueryLimits limits) {
  HttpResponse response{
      .status = 200,
      .headers = {{"content-type",
                   "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"}}};
  ChunkStreamWriter writer(read_limits, response.body);
  for (std::size_t i = 0; i < request.queries.size(); ++i) {
    OPS_TRY(std::vector<Series> found, Select(request.queries[i], source, limits));
    for (Series& series : found) writer.Add(i, Converted(series));
  }
  return response;
}

Result<HttpResponse> Answer(const HttpRequest& request, const SeriesSource& source,
                            const ReadLimits& read_limits, const QueryLimits& limits) {
  std::string bytes;
  OPS_RETURN_IF_ERROR(SnappyDecompress(request.body, read_limits.body_bytes_max, bytes));
  OPS_TRY(const ReadRequest read, DecodeReadRequest(bytes, read_limits));
  // The first that the client names and we know, as Prometheus negotiates; samples where
  // it names none.
  const bool stream =
      !read.accepted.empty() && read.accepted.front() == ReadResponseType::kStreamedXorChunks;
  return stream ? AnswerStream(read, source, read_limits, limits)
                : AnswerSamples(read, source, limits);
}

int StatusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
    case ErrorCode::kCorrupt:
    case ErrorCode::kExhausted:
      return 400;
    case ErrorCode::kUnavailable:
      return 503;
    default:
      return 500;
  }
}

}  // namespace

HttpResponse AnswerRemoteRead(const HttpRequest& request, const SeriesSource& source,
                              const ReadLimits& read_limits, const QueryLimits& limits) {
  if (request.method != "POST") {
    HttpResponse refusal = TextResponse(405, "Method Not Allowed");
    refusal.headers.emplace_back("allow", "POST");
    return refusal;
  }
  auto response = Answer(request, source, read_limits, limits);
  if (response) return *std::move(response);
  return TextResponse(StatusOf(response.error().code), response.error().message);
}

}  // namespace opssight
