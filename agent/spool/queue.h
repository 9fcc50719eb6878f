// What callers of any thread want changed in the spool, until its next
// transaction does it. Keys, not seqs: a new numbering in between does not touch
// them. Internal to agent/spool.
#pragma once

#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "agent/spool/range_set.h"
#include "agent/spool/spool_view.h"
#include "common/model/record.h"

namespace opssight {

struct SpoolQueue {
  struct Replacing {
    std::uint64_t key = 0;
    bool was_tombstone = false;  // When it was asked for.
    std::string reason;
    SpoolView::Done done;
  };
  struct Rebasing {
    RebaseOrder order;
    SpoolView::Done done;
  };

  RangeSet removed;
  std::vector<Replacing> replaced;
  std::vector<Rebasing> rebases;
  std::vector<Gap> gaps;  // Of the spool itself.

  bool empty() const {
    return removed.empty() && replaced.empty() && rebases.empty() && gaps.empty();
  }
  // For an attempt that failed: its work before what came since.
  void PutBack(SpoolQueue taken) {
    for (const SeqRange& range : taken.removed.ranges()) removed.Add(range);
    Prepend(std::move(taken.replaced), replaced);
    Prepend(std::move(taken.rebases), rebases);
    Prepend(std::move(taken.gaps), gaps);
  }

 private:
  template <class T>
  static void Prepend(std::vector<T> before, std::vector<T>& now) {
    before.insert(before.end(), std::make_move_iterator(now.begin()),
                  std::make_move_iterator(now.end()));
    now = std::move(before);
  }
};

}  // namespace opssight
