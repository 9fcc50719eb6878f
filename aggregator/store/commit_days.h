// CommitDays bounds from below the UTC days on which the wal's entries were committed, and so
// says which layouts none of them can need. Entries do not say their day, and the clock may
// be set back. Not for several threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>

#include "aggregator/store/signal_store.h"

namespace opssight {

class CommitDays {
 public:
  using Day = std::uint32_t;  // Since 1970-01-01.

  // Entries up to here are of an earlier process: of any day.
  void Start(WalPosition last) { spans_ = {{.day = 0, .last = last}}; }

  // Positions ascend; days need not.
  void Committed(WalPosition last, Day day) {
    if (!spans_.empty() && spans_.back().day == day) {
      spans_.back().last = last;
      return;
    }
    if (spans_.size() == kSpansMax) {  // A clock that goes to and fro.
      spans_[1].day = std::min(spans_[0].day, spans_[1].day);
      spans_.pop_front();
    }
    spans_.push_back({.day = day, .last = last});
  }

  // Of the entries above gone, and of what is committed from today on.
  Day Oldest(WalPosition gone, Day today) {
    while (!spans_.empty() && spans_.front().last <= gone) spans_.pop_front();
    for (const Span& span : spans_) today = std::min(today, span.day);
    return today;
  }

 private:
  static constexpr std::size_t kSpansMax = 64;
  struct Span {
    Day day = 0;
    WalPosition last = 0;
  };
  std::deque<Span> spans_;  // Ascending.
};

}  // namespace opssight
