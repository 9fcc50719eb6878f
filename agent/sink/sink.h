// Sink is what a source may do: hand over records. Sources (collect, tail, otlp,
// scrape, probe) know nothing of batches, disk or network. All calls on the
// agent's loop, and none blocks.
//
// A Position says how far a source has read; it is written to the spool in the
// same transaction as the records accepted before it, so it is never ahead of nor
// behind the data. After a restart the source asks PositionReader where it was.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/record.h"
#include "common/model/targets.h"

namespace opssight {

struct Position {
  std::string key;                   // "tail/<device>:<inode>", "journal", … At most 400 bytes.
  std::optional<std::string> value;  // Source's own bytes; none: forget the key.
};

class Sink {
 public:
  virtual ~Sink() = default;

  virtual void AcceptMetrics(MetricRow row) = 0;
  // positions cover rows and everything accepted before.
  virtual void AcceptLogs(LogRows rows, std::vector<Position> positions) = 0;
  virtual void AcceptSpans(std::vector<Span> spans) = 0;
  // Native histograms, exemplars, metadata. What CheckRecord (common/codec/batch) refuses
  // is counted and not kept. Metadata is small and repeated by its source: no gap says
  // that some went.
  virtual void AcceptHistograms(std::vector<HistogramRow> rows) = 0;
  virtual void AcceptExemplars(std::vector<Exemplar> exemplars) = 0;
  virtual void AcceptMetadata(std::vector<MetricMetadata> metadata) = 0;
  // What is scraped, whole; of several the newest is sent. No gap where it goes: the
  // source repeats it.
  virtual void AcceptTargets(TargetsSnapshot targets) = 0;
  virtual void AcceptGap(Gap gap) = 0;

  // Calls done on the loop once everything accepted before this call is on disk
  // (closes the open batch soon: group commit within 5-20 ms), or with the error
  // that kept it from being so.
  virtual void Commit(std::function<void(Status)> done) = 0;

  // True while the spool is at its cap or the packer is behind. A source whose
  // input can wait (files) stops reading; one that cannot answer "later" (OTLP)
  // refuses with a retryable error; metrics go on.
  virtual bool Congested() const = 0;
};

class PositionReader {
 public:
  virtual ~PositionReader() = default;
  // All positions whose key starts with prefix.
  virtual Result<std::vector<Position>> ReadPositions(std::string_view prefix) const = 0;
};

}  // namespace opssight
