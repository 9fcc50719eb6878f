// Batcher is the Sink of the agent: it collects what sources hand over into
// batches and sees them onto the disk by way of the packer's thread.
//
//   Batcher batcher(loop, clock, *spool, {});   // any thread
//   batcher.OnSpooled([&] { ship.Wake(); });    // from here on, on the loop
//   batcher.AcceptMetrics(std::move(row));
//   batcher.Commit([](Status status) { ... });
//   batcher.Stop();
//
// A position is written in the transaction of the records before it, or a later
// one. Memory is bounded (BatchOptions); what does not fit becomes gap records, and
// before that Congested() asks sources that can to wait. When the disk comes back
// all goes on by itself. The loop's thread, unless said otherwise.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "agent/batch/open_batch.h"
#include "agent/batch/options.h"
#include "agent/batch/packer.h"
#include "agent/sink/sink.h"
#include "agent/spool/spool.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/net/loop.h"
#include "common/net/timer.h"

namespace opssight {

class Batcher final : public Sink {
 public:
  // Takes over the spool's OnQueued and PostDoneWith.
  Batcher(Loop& loop, const Clock& clock, Spool& spool, const BatchOptions& options);
  ~Batcher() override;  // On the loop, after Stop().
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  void AcceptMetrics(MetricRow row) override;
  void AcceptLogs(LogRows rows, std::vector<Position> positions) override;
  void AcceptSpans(std::vector<Span> spans) override;
  void AcceptHistograms(std::vector<HistogramRow> rows) override;
  void AcceptExemplars(std::vector<Exemplar> exemplars) override;
  void AcceptMetadata(std::vector<MetricMetadata> metadata) override;
  void AcceptTargets(TargetsSnapshot targets) override;
  void AcceptGap(Gap gap) override;
  void Commit(std::function<void(Status)> done) override;
  bool Congested() const override;  // Any thread.
  // Whether the spool cannot be written now, so that Stop() may lose what is in memory. Any
  // thread.
  bool failing() const { return packer_.failing(); }

  // After each transaction of the spool: there may be new batches.
  void OnSpooled(std::function<void()> listener);

  // Writes what is there, waiting for the disk (one transaction), and answers every
  // Commit(). What is accepted later is refused: dropped, and Commit() gets an error.
  void Stop();

  BatchStats stats() const;

 private:
  struct Inbox;
  // Takes out what may not be in a batch.
  template <class T>
  void DropRefused(std::vector<T>& records, std::string_view what) OPS_REQUIRES(loop_);
  void Changed() OPS_REQUIRES(loop_);
  void Close() OPS_REQUIRES(loop_);
  bool Push() OPS_REQUIRES(loop_);
  void Blocked() OPS_REQUIRES(loop_);
  void Arm() OPS_REQUIRES(loop_);
  void TakeNews() OPS_REQUIRES(loop_);
  void FailCommits(const Error& why) OPS_REQUIRES(loop_);

  Loop& loop_;
  const Clock& clock_;
  Spool& spool_;
  const BatchOptions options_;
  OpenBatch open_ OPS_GUARDED_BY(loop_);
  Timer timer_;
  std::int64_t armed_ms_ OPS_GUARDED_BY(loop_) = 0;  // When timer_ runs; 0: it does not.
  bool blocked_ OPS_GUARDED_BY(loop_) = false;       // The channel had no room for open_.
  std::int64_t room_ms_ OPS_GUARDED_BY(loop_) = 0;   // When it last had.
  bool stopped_ OPS_GUARDED_BY(loop_) = false;
  std::function<void()> listener_ OPS_GUARDED_BY(loop_);
  BatchStats stats_ OPS_GUARDED_BY(loop_);
  std::shared_ptr<Inbox> inbox_;  // News from the packer's thread.
  Packer packer_;                 // Last: its thread uses the inbox.
};

}  // namespace opssight
