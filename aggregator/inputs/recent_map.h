// RecentMap is a bounded map from hashes to small values that keeps what is used. Two
// tables: what is found in the old one moves to the young one; when the young one has half
// of entries_max, the old one is dropped and the young one becomes old. So the most recent
// half is always there, and neither a list nor a clock is needed. Open addressing, at most
// 3/4 full; tables begin small. Not thread-safe. 24 B a slot for a byte of value.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "common/bytes/hash.h"

namespace opssight {

template <class V>
class RecentMap {
 public:
  explicit RecentMap(std::size_t entries_max)
      : young_max_(std::max<std::size_t>(entries_max / 2, 1)) {}

  // Null: not there. Valid until the next call.
  V* Find(const Hash128& key) {
    if (V* value = young_.Find(key)) return value;
    V* value = old_.Find(key);
    return value == nullptr ? nullptr : &Insert(key, V(*value));
  }
  // Replaces what was there. Valid until the next call.
  V& Insert(const Hash128& key, V value) {
    if (young_.size() >= young_max_) Turn();
    V& place = young_.At(key);
    place = std::move(value);
    return place;
  }
  // Forgets what was not used since the last turn.
  void Turn() {
    old_ = std::exchange(young_, Half());
    ++turns_;
  }
  void Clear() { young_ = old_ = Half(); }
  template <class F>
  void Each(F see) {  // see(V&)
    young_.Each(see);
    old_.Each(see);
  }

  std::size_t size() const { return young_.size() + old_.size(); }  // Some perhaps twice.
  std::uint64_t turns() const { return turns_; }  // Times that an old table was dropped.

 private:
  class Half {
   public:
    std::size_t size() const { return size_; }
    V* Find(const Hash128& key) {
      if (slots_.empty()) return nullptr;
      Slot& slot = SlotOf(key);
      return slot.used ? &slot.value : nullptr;
    }
    V& At(const Hash128& key) {
      if (4 * (size_ + 1) > 3 * slots_.size()) Grow();
      Slot& slot = SlotOf(key);
      if (!slot.used) {
        slot.used = true;
        slot.key = key;
        ++size_;
      }
      return slot.value;
    }

    template <class F>
    void Each(F& see) {
      for (Slot& slot : slots_) {
        if (slot.used) see(slot.value);
      }
    }

   private:
    struct Slot {
      Hash128 key;
      V value{};
      bool used = false;
    };
    // Where key is, or where it would go.
    Slot& SlotOf(const Hash128& key) {
      const std::size_t mask = slots_.size() - 1;
      for (std::size_t at = key.low & mask;; at = (at + 1) & mask) {
        if (!slots_[at].used || slots_[at].key == key) return slots_[at];
      }
    }
    void Grow() {
      std::vector<Slot> before(std::max<std::size_t>(64, slots_.size() * 2));
      before.swap(slots_);
      for (Slot& slot : before) {
        if (slot.used) SlotOf(slot.key) = std::move(slot);
      }
    }
    std::vector<Slot> slots_;  // A power of two.
    std::size_t size_ = 0;
  };

  const std::size_t young_max_;
  Half young_;
  Half old_;
  std::uint64_t turns_ = 0;
};

}  // namespace opssight
