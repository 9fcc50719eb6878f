// A sink that takes everything and keeps nothing; tests override what they look at.
#pragma once

#include <functional>
#include <vector>

#include "agent/sink/sink.h"

namespace opssight {

class NullSink : public Sink {
 public:
  void AcceptMetrics(MetricRow /*row*/) override {}
  void AcceptLogs(LogRows /*rows*/, std::vector<Position> /*positions*/) override {}
  void AcceptSpans(std::vector<Span> /*spans*/) override {}
  void AcceptHistograms(std::vector<HistogramRow> /*rows*/) override {}
  void AcceptExemplars(std::vector<Exemplar> /*exemplars*/) override {}
  void AcceptMetadata(std::vector<MetricMetadata> /*metadata*/) override {}
  void AcceptTargets(TargetsSnapshot /*targets*/) override {}
  void AcceptGap(Gap /*gap*/) override {}
  void Commit(std::function<void(Status)> done) override { done({}); }
  bool Congested() const override { return false; }
};

}  // namespace opssight
