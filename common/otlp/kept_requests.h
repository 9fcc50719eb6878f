// KeptRequests remembers requests that were answered with "not stored" while the consumer
// still holds their records and will store them: a client that sends such a request again
// means the same records, not more of them. By the hash of the message; the last
// requests_max for age_ms_max, about 100 B each. A value; not thread-safe.
//
// Not for requests that were stored: a log record without a time may well come twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <utility>

#include "common/otlp/reply.h"

namespace opssight {

class KeptRequests {
 public:
  explicit KeptRequests(std::size_t requests_max = 4096, std::int64_t age_ms_max = 3'600'000)
      : requests_max_(requests_max), age_ms_max_(age_ms_max) {}

  // What to answer once the records are on disk.
  struct Answer {
    OtlpReply reply;
    bool partial = false;
  };

  void Add(std::uint64_t hash, Answer answer, std::int64_t now_ms) {
    answers_.insert_or_assign(hash, std::move(answer));
    ages_.emplace_back(hash, now_ms);
    Forget(now_ms);
  }
  // Null: not known. Valid until the next call.
  const Answer* Find(std::uint64_t hash, std::int64_t now_ms) {
    Forget(now_ms);
    const auto at = answers_.find(hash);
    return at == answers_.end() ? nullptr : &at->second;
  }
  void Stored(std::uint64_t hash) { answers_.erase(hash); }
  std::size_t size() const { return answers_.size(); }

 private:
  // One that was added twice goes with its first age: rather too early.
  void Forget(std::int64_t now_ms) {
    while (!ages_.empty() &&
           (ages_.size() > requests_max_ || ages_.front().second + age_ms_max_ <= now_ms)) {
      answers_.erase(ages_.front().first);
      ages_.pop_front();
    }
  }

  const std::size_t requests_max_;
  const std::int64_t age_ms_max_;
  std::unordered_map<std::uint64_t, Answer> answers_;
  std::deque<std::pair<std::uint64_t, std::int64_t>> ages_;  // In the order they came.
};

}  // namespace opssight
