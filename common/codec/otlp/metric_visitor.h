// MetricVisitor makes of one request's data points what the model has: samples in rows,
// native histograms, exemplars, metadata. Internal to this folder; lives for one request.
// metric_visitor.cc has what all kinds share, metric_kinds.cc one function a kind.
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/codec/otlp/metrics.h"
#include "common/codec/otlp/request.h"
#include "common/codec/otlp/rows.h"
#include "common/codec/otlp/target.h"
#include "common/codec/otlp/values.h"
#include "schemas/otlp.pb.h"

namespace opssight::otlp {

// The day on which a family's metadata was told, by a hash of all of it.
class MetadataTold {
 public:
  explicit MetadataTold(std::size_t max) : max_(max) {}
  // Whether it is to be told; it counts as told then.
  bool Tell(const Hash128& key, std::int64_t day);
  void Forget() { days_.clear(); }

 private:
  const std::size_t max_;
  std::unordered_map<Hash128, std::int64_t> days_;
};

class MetricVisitor final : public Visitor {
 public:
  MetricVisitor(const OtlpMetricsOptions& options, DeltaAccumulator& deltas, LayoutCache& cache,
                MetadataTold& told, std::int64_t now_ms, OtlpMetrics& out)
      : options_(options),
        limits_(options.limits),
        deltas_(deltas),
        told_(told),
        now_ms_(now_ms),
        out_(out),
        values_(options.limits, out.outcome),
        target_(options, values_, out.outcome),
        rows_(cache, options.limits, options.align_ms) {}

  void OnResource(const google::protobuf::Message& message) override;
  void OnScope(const google::protobuf::Message& message) override;
  void OnMetric(const MetricHead& head) override;
  void OnItem(Part part, const google::protobuf::Message& message) override;
  void Finish();

 private:
  using Exemplars = google::protobuf::RepeatedPtrField<wire::otlp::Exemplar>;
  struct Point {  // What all kinds of data point have.
    std::int64_t start_ns = 0;
    std::int64_t time_ns = 0;
    std::int64_t time_ms = 0;
    bool stale = false;
    std::uint32_t base = 0;
  };

  void Reject(OtlpReject why, std::string_view what);
  void TellMetadata(const std::string& name);
  // The labels of a point; none where one has no name or there are too many.
  std::optional<std::vector<Label>> LabelsOf(const KeyValues& attributes,
                                             std::string_view reserved);
  // series: samples that the point becomes. reserved: a label that its own may not be.
  template <class T>
  std::optional<Point> ReadPoint(const T& from, std::size_t series, std::string_view reserved);
  bool TimeFits(std::uint64_t time_ns, Point& point);

  void Number(const wire::otlp::NumberDataPoint& from);
  void Histogram(const wire::otlp::HistogramDataPoint& from);
  void Exponential(const wire::otlp::ExponentialHistogramDataPoint& from);
  void Summary(const wire::otlp::SummaryDataPoint& from);
  bool BoundsFit(const wire::otlp::HistogramDataPoint& from);
  void AddClassic(const wire::otlp::HistogramDataPoint& from, const Point& point,
                  std::span<const double> values);
  bool AddCustom(const wire::otlp::HistogramDataPoint& from, const Point& point,
                 std::span<const double> values);
  // False: rejected.
  bool AddNative(const Point& point, opssight::Histogram histogram,
                 const std::shared_ptr<const Labels>& series);
  bool TemporalityFits();
  // values become the sums where the metric is a delta. False: rejected.
  bool Accumulate(const Point& point, std::uint64_t shape, std::vector<double>& values);
  DeltaPoint DeltaOf(const Point& point, std::uint64_t shape) const;
  void RejectDelta(const Error& error);

  RowBuilder::Series SeriesOf(std::uint32_t name, const Point& point, MetricType type,
                              std::string_view extra_name = {},
                              std::string extra_value = {}) const {
    return {.name = name,
            .base = point.base,
            .extra_name = extra_name,
            .extra_value = std::move(extra_value),
            .type = type};
  }
  void Add(RowBuilder::Series series, const Point& point, double value) {
    rows_.Add(std::move(series), point.time_ms,
              point.stale ? std::bit_cast<double>(kStaleNanBits) : value);
  }
  std::shared_ptr<const Labels> SharedLabels(const RowBuilder::Series& series) const {
    return std::make_shared<const Labels>(rows_.LabelsOf(series));
  }
  // Bytes held, about, with native histograms and exemplars.
  std::size_t bytes() const { return rows_.bytes() + beside_rows_; }
  // series_of(value) gives the series that an exemplar of this value belongs to.
  template <class F>
  void AddExemplars(const Exemplars& exemplars, F series_of);
  std::optional<Exemplar> ReadExemplar(const wire::otlp::Exemplar& from) const;

  const OtlpMetricsOptions& options_;
  const OtlpLimits& limits_;
  DeltaAccumulator& deltas_;
  MetadataTold& told_;
  const std::int64_t now_ms_;
  OtlpMetrics& out_;
  const ValueReader values_;
  Target target_;
  RowBuilder rows_;
  std::size_t beside_rows_ = 0;  // Bytes of histograms and exemplars.
  std::vector<const wire::otlp::KeyValue*> by_key_;
  MetricHead head_;
  bool named_ = false;
  struct Names {
    std::uint32_t plain = 0;
    std::uint32_t bucket = 0;
    std::uint32_t sum = 0;
    std::uint32_t count = 0;
  } names_;
};

}  // namespace opssight::otlp
