#include "aggregator/promql/engine/query.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <utility>

namespace opssight::promql {

namespace {

constexpr std::size_t kPieceCost = 200'000;  // Some 2 ms: what a thread is worth starting for.

struct Outcome {
  Status status;
  Annotations annotations;
};

// The pieces of one call of InPieces, taken by any of its threads.
class Pieces {
 public:
  Pieces(std::size_t count, std::size_t size, const Piece& work)
      : count_(count), size_(size), work_(work), outcomes_((count + size - 1) / size) {
    failed_ = outcomes_.size();
  }

  void Run(const Query& query) {
    for (;;) {
      const std::size_t piece = next_.fetch_add(1);
      if (piece >= failed_.load()) return;  // All are taken, or an earlier one has failed.
      Outcome& outcome = outcomes_[piece];
      outcome.status = query.CheckWanted();
      if (outcome.status.has_value()) {
        const std::size_t begin = piece * size_;
        outcome.status = work_(begin, std::min(count_, begin + size_), outcome.annotations);
      }
      if (!outcome.status.has_value()) Fail(piece);
    }
  }

  // After all have ended.
  Status Join(Annotations& annotations) {
    for (Outcome& outcome : outcomes_) {
      annotations.Merge(outcome.annotations);
      if (!outcome.status.has_value()) return std::move(outcome.status);
    }
    return {};
  }

 private:
  void Fail(std::size_t piece) {
    std::size_t failed = failed_.load();
    while (piece < failed && !failed_.compare_exchange_weak(failed, piece)) {
    }
  }

  const std::size_t count_;
  const std::size_t size_;
  const Piece& work_;
  std::vector<Outcome> outcomes_;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::size_t> failed_{0};  // The first piece that failed; all behind it are moot.
};

}  // namespace

Status Query::CheckWanted() const {
  const MutexLock lock(wanted_mutex);
  if (request.limits.cancelled && request.limits.cancelled()) {
    return Unavailable("query was canceled in expression evaluation");
  }
  return {};
}

Status InPieces(Query& query, std::size_t count, std::size_t item_cost, const Piece& work) {
  if (count == 0) return {};
  const std::size_t size =
      std::clamp<std::size_t>(kPieceCost / std::max<std::size_t>(1, item_cost), 1, count);
  Pieces pieces(count, size, work);
  const std::size_t piece_count = (count + size - 1) / size;
  std::vector<std::thread> helpers;
  const std::size_t threads = std::min<std::size_t>(query.threads, piece_count);
  try {
    for (std::size_t i = 1; i < threads; ++i) {
      helpers.emplace_back([&] { pieces.Run(query); });
    }
  } catch (const std::system_error&) {
    // The system has no more threads: those that run do it all.
  }
  pieces.Run(query);
  for (std::thread& helper : helpers) helper.join();
  return pieces.Join(query.annotations);
}

}  // namespace opssight::promql
