// A set of series ids as a Roaring bitmap (CRoaring 0.2.66, C API), and the postings
// of one label pair, which stay a short list while they are few: most pairs of a
// high-cardinality label name one or two series, and an empty bitmap alone is 40 B.
// Values; not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <roaring/roaring.h>
#include <span>
#include <utility>
#include <vector>

namespace opssight {

using SeriesId = std::uint32_t;

class IdSet {
 public:
  IdSet() : bitmap_(roaring_bitmap_create()) {}
  static IdSet Range(SeriesId end) {  // [0, end)
    return end == 0 ? IdSet() : IdSet(roaring_bitmap_from_range(0, end, 1));
  }
  static IdSet Of(std::span<const SeriesId> ids) {
    return IdSet(roaring_bitmap_of_ptr(ids.size(), ids.data()));
  }
  static IdSet UnionOf(std::vector<const IdSet*>& sets) {
    std::vector<const roaring_bitmap_t*> bitmaps;
    bitmaps.reserve(sets.size());
    for (const IdSet* set : sets) bitmaps.push_back(set->bitmap_.get());
    return IdSet(roaring_bitmap_or_many(bitmaps.size(), bitmaps.data()));
  }
  IdSet Copy() const { return IdSet(roaring_bitmap_copy(bitmap_.get())); }

  void Add(SeriesId id) { roaring_bitmap_add(bitmap_.get(), id); }
  void And(const IdSet& other) { roaring_bitmap_and_inplace(bitmap_.get(), other.bitmap_.get()); }
  void Minus(const IdSet& other) {
    roaring_bitmap_andnot_inplace(bitmap_.get(), other.bitmap_.get());
  }
  void KeepBelow(SeriesId end) { roaring_bitmap_remove_range(bitmap_.get(), end, 1ULL << 32); }
  std::uint64_t count() const { return roaring_bitmap_get_cardinality(bitmap_.get()); }
  std::vector<SeriesId> ToVector() const {
    std::vector<SeriesId> ids(count());
    roaring_bitmap_to_uint32_array(bitmap_.get(), ids.data());
    return ids;
  }

 private:
  explicit IdSet(roaring_bitmap_t* bitmap) : bitmap_(bitmap) {}
  struct Free {
    void operator()(roaring_bitmap_t* bitmap) const { roaring_bitmap_free(bitmap); }
  };
  std::unique_ptr<roaring_bitmap_t, Free> bitmap_;
};

class Postings {
 public:
  static constexpr std::size_t kFewMax = 32;

  void Add(SeriesId id) {
    if (many_ != nullptr) {
      many_->Add(id);
      return;
    }
    few_.push_back(id);
    if (few_.size() <= kFewMax) return;
    many_ = std::make_unique<IdSet>(IdSet::Of(few_));
    few_ = {};
  }
  IdSet Set() const { return many_ != nullptr ? many_->Copy() : IdSet::Of(few_); }
  std::uint64_t count() const { return many_ != nullptr ? many_->count() : few_.size(); }
  std::span<const SeriesId> few() const { return few_; }
  const IdSet* many() const { return many_.get(); }  // Null: few() is all.

 private:
  std::vector<SeriesId> few_;
  std::unique_ptr<IdSet> many_;
};

}  // namespace opssight
