// The batch format (schemas/batch.fbs): records to bytes on the agent, bytes
// to views on the aggregator. A batch on disk and on the wire is one zstd frame
// around a FlatBuffer. Everything read is verified first (FlatBuffers verifier
// with depth and table limits, then our own shape checks), so a view never points
// outside its bytes, and what is copied is no more than they are. No I/O, no clock.
// Throws nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/model/record.h"
#include "common/model/targets.h"

namespace opssight {

// Rows of a layout that the writer knows by its id alone.
struct LayoutRows {
  LayoutId layout;
  std::vector<std::int64_t> times;  // ms; at least one.
  std::vector<double> values;       // Row after row; times.size() * series of the layout.
};

// What one batch holds, as sources handed it over.
struct BatchContents {
  std::vector<MetricRow>
      metrics;  // Rows of one layout need not stand together; the writer groups them.
  std::vector<LayoutRows> layout_rows;  // Written as they are, behind metrics.
  std::vector<HistogramRow> histograms;
  std::vector<Exemplar> exemplars;
  std::vector<MetricMetadata> metadata;
  std::vector<LogRows> logs;
  std::vector<Span> spans;
  std::vector<Gap> gaps;
  std::shared_ptr<const TargetsSnapshot> targets;  // Null: the batch says nothing of them.
  bool empty() const {
    return metrics.empty() && layout_rows.empty() && histograms.empty() && exemplars.empty() &&
           metadata.empty() && logs.empty() && spans.empty() && gaps.empty() && targets == nullptr;
  }
};

// The frame. Of records that CheckRecord refuses it would be a batch that cannot be read:
// who makes batches asks first. created_ms is the agent's wall clock at closing.
std::string EncodeBatch(const BatchContents& contents, std::int64_t created_ms);
std::string EncodeLayout(const Layout& layout);

struct BatchLimits {
  std::size_t bytes_max = 64UL << 20;  // Decompressed.
  std::size_t layout_series_max = 200'000;
  std::size_t tables_max = 4'000'000;           // FlatBuffers tables in one buffer.
  std::size_t labels_max = 64;                  // Of one stream or series.
  std::size_t histogram_buckets_max = 10'000;   // Of one histogram; spans as well.
  std::size_t exemplar_chars_max = 128;         // UTF-8 characters of one exemplar's labels.
  std::size_t metadata_bytes_max = 64UL << 10;  // Of one family's name, help and unit.
  TargetsLimits targets;                        // Above it they are left out, counted.
};

// Whether a record may be in a batch. A histogram: schema known, spans and counts agree,
// bounds ascend. kInvalid says what is wrong, kExhausted which limit.
Status CheckRecord(const HistogramRow& row, const BatchLimits& limits);
Status CheckRecord(const Exemplar& exemplar, const BatchLimits& limits);
Status CheckRecord(const MetricMetadata& metadata, const BatchLimits& limits);

// kExhausted above a limit, kCorrupt for bytes that are not a layout.
Result<std::shared_ptr<const Layout>> DecodeLayout(std::string_view frame,
                                                   const BatchLimits& limits);

struct MetricRowsView {
  LayoutId layout;
  std::span<const std::int64_t> times;  // ms
  std::span<const double> values;       // times.size() * series of the layout, row after row.
};

struct LogRowsView {
  std::vector<std::pair<std::string_view, std::string_view>> labels;
  std::span<const std::int64_t> times;  // ns
  std::span<const std::uint32_t> ends;  // Ascending, the last == text.size().
  std::string_view text;
  struct Metadata {
    std::uint32_t row;
    std::string_view name;
    std::string_view value;
  };
  std::vector<Metadata> metadata;  // Row < times.size().
  std::string_view Line(std::size_t i) const {
    const std::size_t start = i == 0 ? 0 : ends[i - 1];
    return text.substr(start, ends[i] - start);
  }
};

// A batch that passed verification. Views point into bytes_, which it owns; the
// address of an object never changes (shared between the store's threads).
class DecodedBatch {
 public:
  static Result<std::shared_ptr<const DecodedBatch>> Decode(std::string_view frame,
                                                            const BatchLimits& limits);
  DecodedBatch(const DecodedBatch&) = delete;
  DecodedBatch& operator=(const DecodedBatch&) = delete;

  std::int64_t created_ms() const { return created_ms_; }
  const std::vector<MetricRowsView>& metrics() const { return metrics_; }
  const std::vector<LogRowsView>& logs() const { return logs_; }
  const std::vector<Span>& spans() const { return spans_; }  // Owned copies.
  const std::vector<Gap>& gaps() const { return gaps_; }
  // Owned copies, in the order they were given. Rows of one series share its labels.
  const std::vector<HistogramRow>& histograms() const { return histograms_; }
  const std::vector<Exemplar>& exemplars() const { return exemplars_; }
  const std::vector<MetricMetadata>& metadata() const { return metadata_; }
  // What the agent scrapes; null where the batch does not say.
  const std::shared_ptr<const TargetsSnapshot>& targets() const { return targets_; }
  std::size_t raw_bytes() const { return bytes_.size(); }

 private:
  DecodedBatch() = default;
  std::string bytes_;
  std::int64_t created_ms_ = 0;
  std::vector<MetricRowsView> metrics_;
  std::vector<LogRowsView> logs_;
  std::vector<Span> spans_;
  std::vector<Gap> gaps_;
  std::vector<HistogramRow> histograms_;
  std::vector<Exemplar> exemplars_;
  std::vector<MetricMetadata> metadata_;
  std::shared_ptr<const TargetsSnapshot> targets_;
};

}  // namespace opssight
