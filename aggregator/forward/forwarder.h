// Forwarder sends what the store is given on to one other receiver by Prometheus remote
// write 1.0, so that one can leave, or run both side by side.
//
//   auto post = MakePost(options);
//   OPS_TRY(auto to, Forwarder::Open(options, store, store.layouts(), meta, std::move(post)));
//   store.Start(…);
//   to->Start();
//   …
//   to->Stop();
//   store.Stop();
//
// From the wal, in the order of commits, one request at a time. The position is written to
// meta.mdb after each acknowledged request and before the next one is sent, so a request
// that was acknowledged is not sent again, not even after a crash; one whose answer was lost
// is. A receiver that is away or slow holds the wal's newest wal_bytes_max; of what is older
// the oldest batches go first, with the trim of what is flushed, and are counted once the
// receiver is back. A new receiver begins with what comes from now on. So does one whose
// position is above all of the wal, which is a new one then (it was lost or set aside).
//
// | answer                        |                                                      |
// | 2xx                           | next                                                 |
// | 429 (by a setting), 5xx, none | again after a back-off, or after Retry-After         |
// | other                         | given up, counted: sending it again would not help   |
//
// One thread of its own. Memory: 4 MiB of the wal, decoded, and one request.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "aggregator/forward/options.h"
#include "aggregator/forward/post.h"
#include "aggregator/forward/wal_feed.h"
#include "aggregator/store/meta_table.h"
#include "aggregator/store/wal_tap.h"
#include "common/base/mutex.h"
#include "common/base/random.h"
#include "common/selfmon/registry.h"

namespace opssight {

struct ForwardStats {
  Counter requests;  // Acknowledged.
  Counter bytes;     // Of them.
  Counter samples;   // In them, as the next two.
  Counter histograms;
  Counter exemplars;
  Counter retries;
  Counter given_up_requests;
  Counter given_up_samples;
  Counter new_wals;       // The position kept was above all of the wal: began anew.
  Gauge trimmed_batches;  // Gone from the wal before they were sent, since the start.
  Gauge corrupt_batches;
  Gauge unknown_layout_samples;
  Gauge position;        // Of the wal.
  Gauge behind_batches;  // Not sent yet.
};

class Forwarder {
 public:
  // Reads the position and holds the wal; before the store starts, so that nothing of it is
  // trimmed. options, tap, layouts outlive the forwarder.
  static Result<std::unique_ptr<Forwarder>> Open(const ForwardOptions& options, WalTap& tap,
                                                 const LayoutLookup& layouts, MetaTable marks,
                                                 std::unique_ptr<Post> post);
  ~Forwarder() { Stop(); }
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  void Start();
  void Stop() OPS_EXCLUDES(mutex_);

  const ForwardStats& stats() const { return stats_; }
  // opssight_forward_*, with the receiver's name. This outlives the registry's last use.
  void AddMetrics(Registry& registry) const;

 private:
  Forwarder(const ForwardOptions& options, WalTap& tap, const LayoutLookup& layouts,
            MetaTable marks, std::unique_ptr<Post> post, Relabeler relabeler,
            std::optional<ForwardMark> mark);
  void Run();
  bool SendOne();  // False: there is nothing to send, or it failed; wait a little.
  bool Deliver(const WalFeed::Piece& piece);
  bool Remember(const ForwardMark& mark);
  void RememberIdle();
  void Hold();
  void Show();
  bool Pause(std::int64_t ms) OPS_EXCLUDES(mutex_);  // False: stopping.

  const ForwardOptions& options_;
  WalTap& tap_;
  const LayoutLookup& layouts_;
  MetaTable marks_;
  const std::unique_ptr<Post> post_;
  const Relabeler relabeler_;
  std::optional<ForwardMark> mark_;  // As at the start. Nothing: a new receiver.
  ForwardMark remembered_;           // In meta.mdb; only what is below it may be trimmed.
  std::int64_t remembered_at_ms_ = 0;
  std::unique_ptr<WalFeed> feed_;
  ForwardStats stats_;
  Random random_;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ OPS_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace opssight
