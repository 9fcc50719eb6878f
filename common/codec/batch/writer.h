// What the writers of a batch's tables share: strings, label pairs, and numbers for
// things that many records share. Internal to this folder.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include <flatbuffers/flatbuffers.h>

#include "common/model/labels.h"
#include "schemas/batch_generated.h"

namespace opssight::batch {

using flatbuffers::Offset;
template <class T>
using Vector = flatbuffers::Vector<T>;

inline Offset<Vector<std::uint8_t>> Bytes(flatbuffers::FlatBufferBuilder& builder,
                                          std::string_view bytes) {
  return builder.CreateVector(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

// Nothing for "".
inline Offset<flatbuffers::String> Text(flatbuffers::FlatBufferBuilder& builder,
                                        std::string_view text) {
  return text.empty() ? Offset<flatbuffers::String>()
                      : builder.CreateString(text.data(), text.size());
}

inline Offset<wire::Pair> PairOf(flatbuffers::FlatBufferBuilder& builder, const Label& label) {
  const auto name = builder.CreateString(label.name);
  const auto value = builder.CreateString(label.value);
  return wire::CreatePair(builder, name, value);
}

template <class LabelRange>  // Labels, or a vector of Label.
Offset<Vector<Offset<wire::Pair>>> Pairs(flatbuffers::FlatBufferBuilder& builder,
                                         const LabelRange& labels) {
  std::vector<Offset<wire::Pair>> pairs;
  for (const Label& label : labels) pairs.push_back(PairOf(builder, label));
  return builder.CreateVector(pairs);
}

// Numbers by address, from 0 in the order they came: sources share what they repeat.
template <class T>
class Numbering {
 public:
  std::uint32_t NumberOf(const T* one) {
    const auto [it, added] = numbers_.try_emplace(one, static_cast<std::uint32_t>(order_.size()));
    if (added) order_.push_back(one);
    return it->second;
  }
  const std::vector<const T*>& order() const { return order_; }

 private:
  std::map<const T*, std::uint32_t> numbers_;
  std::vector<const T*> order_;
};

}  // namespace opssight::batch
