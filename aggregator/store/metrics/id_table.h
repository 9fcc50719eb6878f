// A hash table from a hash to ids whose keys are kept elsewhere: 8 bytes a slot, at
// most 3/4 full, open addressing. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace opssight {

class IdTable {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  // The id for which same(id) holds among those inserted with this hash, or kNone.
  template <class Same>
  std::uint32_t Find(std::uint64_t hash, Same same) const {
    if (slots_.empty()) return kNone;
    for (std::size_t at = hash & mask();; at = (at + 1) & mask()) {
      const Slot& slot = slots_[at];
      if (slot.id == kNone) return kNone;
      if (slot.mark == MarkOf(hash) && same(slot.id)) return slot.id;
    }
  }

  // hash_of(id) gives back the hash an id was inserted with.
  template <class HashOf>
  void Insert(std::uint64_t hash, std::uint32_t id, HashOf hash_of) {
    if ((used_ + 1) * 4 > slots_.size() * 3) Grow(hash_of);
    Put(hash, id);
    ++used_;
  }

  std::size_t bytes() const { return slots_.capacity() * sizeof(Slot); }

 private:
  struct Slot {
    std::uint32_t id = kNone;
    std::uint32_t mark = 0;
  };
  static std::uint32_t MarkOf(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
  std::size_t mask() const { return slots_.size() - 1; }
  void Put(std::uint64_t hash, std::uint32_t id) {
    std::size_t at = hash & mask();
    while (slots_[at].id != kNone) at = (at + 1) & mask();
    slots_[at] = {.id = id, .mark = MarkOf(hash)};
  }
  template <class HashOf>
  void Grow(HashOf hash_of) {
    std::vector<Slot> old(slots_.empty() ? 16 : slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.id != kNone) Put(hash_of(slot.id), slot.id);
    }
  }
  std::vector<Slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace opssight
