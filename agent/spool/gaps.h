// GapCollector turns what had to go into as few gap records as say it: one for
// each signal, stream and reason, with the first and last time and the count.
// Bounded: from streams_max on, further streams share the record of stream "".
// A value; no thread of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "agent/spool/record.h"
#include "common/codec/batch/batch.h"
#include "common/model/record.h"

namespace opssight {

// "job/instance" of a layout: the stream of a gap in metrics.
std::string GapStream(const Layout& layout);

class GapCollector {
 public:
  explicit GapCollector(std::size_t streams_max = 256) : streams_max_(streams_max) {}

  using LayoutName = std::function<std::string(const LayoutId&)>;

  void Add(const Gap& gap);
  // All records of a batch for one reason; gap records in it keep their own.
  void AddBatch(const DecodedBatch& batch, std::string_view reason, const LayoutName& name);
  // The same where only the head could be read.
  void AddSummary(const BatchSummary& summary, std::string_view reason);
  void AddMetrics(const std::vector<MetricRow>& rows, std::string_view reason);
  void AddMetrics(const std::vector<MetricRowsView>& metrics, std::string_view reason,
                  const LayoutName& name);
  // In the metrics' gap of the series' job/instance, as rows.
  void AddHistograms(const std::vector<HistogramRow>& rows, std::string_view reason);
  void AddExemplars(const std::vector<Exemplar>& exemplars, std::string_view reason);
  void AddLogs(const std::vector<LogRows>& logs, std::string_view reason);
  void AddSpans(const std::vector<Span>& spans, std::string_view reason);

  bool empty() const { return gaps_.empty(); }
  std::vector<Gap> gaps() const;
  void Clear() { gaps_.clear(); }

 private:
  template <class T>
  void AddOfSeries(const std::vector<T>& records, std::string_view reason);

  const std::size_t streams_max_;
  std::map<std::tuple<Signal, std::string, std::string>, Gap> gaps_;
};

}  // namespace opssight
