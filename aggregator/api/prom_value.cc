#include "aggregator/api/prom_value.h"

#include "aggregator/api/answer.h"
#include "aggregator/api/prom_call.h"
#include "aggregator/promql/histogram/histogram_math.h"
#include "common/text/number.h"

namespace opssight {
namespace {

void WriteBuckets(JsonWriter& json, const Histogram& histogram) {
  bool any = false;
  for (const promql::Bucket& bucket : promql::AllBuckets(histogram)) {
    if (bucket.count == 0) continue;
    if (!any) json.Key("buckets").Open('[');
    any = true;
    json.Open('[').Int(bucket.rule()).String(FormatDouble(bucket.lower));
    json.String(FormatDouble(bucket.upper)).String(FormatDouble(bucket.count)).Close(']');
  }
  if (any) json.Close(']');
}

void WriteVector(JsonWriter& json, const promql::VectorResult& vector) {
  json.String("vector").Key("result").Open('[');
  for (const promql::ResultSeries& series : vector.series) {
    json.Open('{').Key("metric");
    WriteLabels(json, series.labels);
    if (!series.histograms.empty()) {
      const promql::HistogramPoint& point = series.histograms.front();
      json.Key("histogram");
      WriteHistogramPoint(json, point.time_ms, *point.histogram);
    } else if (!series.points.empty()) {
      json.Key("value");
      WritePoint(json, series.points.front().time_ms, series.points.front().value);
    }
    json.Close('}');
  }
  json.Close(']');
}

void WriteMatrix(JsonWriter& json, const promql::MatrixResult& matrix) {
  json.String("matrix").Key("result").Open('[');
  for (const promql::ResultSeries& series : matrix.series) {
    json.Open('{').Key("metric");
    WriteLabels(json, series.labels);
    if (!series.points.empty()) {
      json.Key("values").Open('[');
      for (const promql::Point& point : series.points) {
        WritePoint(json, point.time_ms, point.value);
      }
      json.Close(']');
    }
    if (!series.histograms.empty()) {
      json.Key("histograms").Open('[');
      for (const promql::HistogramPoint& point : series.histograms) {
        WriteHistogramPoint(json, point.time_ms, *point.histogram);
      }
      json.Close(']');
    }
    json.Close('}');
  }
  json.Close(']');
}

std::uint64_t Count(const std::vector<promql::ResultSeries>& all) {
  std::uint64_t points = 0;
  for (const promql::ResultSeries& series : all) {
    points += series.points.size();
    for (const promql::HistogramPoint& point : series.histograms) {
      points += 1 + point.histogram->positive.size() + point.histogram->negative.size();
    }
  }
  return points;
}

bool Cut(std::vector<promql::ResultSeries>& series, std::size_t limit) {
  if (series.size() <= limit) return false;
  series.resize(limit);
  return true;
}

}  // namespace

void WritePoint(JsonWriter& json, std::int64_t time_ms, double value) {
  json.Open('[').Raw(SecondsText(time_ms)).String(FormatDouble(value)).Close(']');
}

void WriteHistogramPoint(JsonWriter& json, std::int64_t time_ms, const Histogram& histogram) {
  json.Open('[').Raw(SecondsText(time_ms)).Open('{');
  json.Key("count").String(FormatDouble(histogram.count));
  json.Key("sum").String(FormatDouble(histogram.sum));
  WriteBuckets(json, histogram);
  json.Close('}').Close(']');
}

void WriteQueryValue(JsonWriter& json, const QueryValue& value) {
  json.Key("resultType");
  if (const auto* vector = std::get_if<promql::VectorResult>(&value)) {
    WriteVector(json, *vector);
  } else if (const auto* matrix = std::get_if<promql::MatrixResult>(&value)) {
    WriteMatrix(json, *matrix);
  } else if (const auto* scalar = std::get_if<promql::ScalarResult>(&value)) {
    json.String("scalar").Key("result");
    WritePoint(json, scalar->point.time_ms, scalar->point.value);
  } else if (const auto* text = std::get_if<promql::StringResult>(&value)) {
    json.String("string").Key("result").Open('[').Raw(SecondsText(text->time_ms));
    json.String(text->value).Close(']');
  }
}

std::uint64_t CountPoints(const QueryValue& value) {
  if (const auto* vector = std::get_if<promql::VectorResult>(&value)) return Count(vector->series);
  if (const auto* matrix = std::get_if<promql::MatrixResult>(&value)) return Count(matrix->series);
  return 0;
}

bool CutSeries(QueryValue& value, std::size_t limit) {
  if (auto* vector = std::get_if<promql::VectorResult>(&value)) return Cut(vector->series, limit);
  if (auto* matrix = std::get_if<promql::MatrixResult>(&value)) return Cut(matrix->series, limit);
  return false;
}

}  // namespace opssight
