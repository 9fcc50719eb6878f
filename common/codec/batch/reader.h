// Reader takes strings and numbers out of a verified FlatBuffer, and no more of them
// than the buffer has bytes: tables may share strings and vectors, so that a few
// megabytes could be unpacked to any size. From there on all is empty, and Done() is an
// error; what we write shares nothing. Internal to this folder. A value.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <flatbuffers/flatbuffers.h>

#include "common/base/result.h"

namespace opssight::batch {

class Reader {
 public:
  explicit Reader(std::string_view buffer) : left_(buffer.size()) {}

  std::string_view Text(const flatbuffers::String* text) {
    if (text == nullptr || !Take(text->size())) return {};
    return {text->c_str(), text->size()};
  }
  std::string_view Bytes(const flatbuffers::Vector<std::uint8_t>* bytes) {
    if (bytes == nullptr || !Take(bytes->size())) return {};
    return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
  }
  template <class T>
  std::span<const T> Numbers(const flatbuffers::Vector<T>* numbers) {
    if (numbers == nullptr || !Take(numbers->size() * sizeof(T))) return {};
    return {numbers->data(), numbers->size()};
  }
  // A table takes at least its place in a vector and its own head, and its fields.
  bool Table(std::size_t fields = 0) { return Take(2 * sizeof(flatbuffers::uoffset_t) + fields); }

  Status Done() const {
    if (over_) return Corrupt("batch: its parts overlap");
    return {};
  }

 private:
  bool Take(std::size_t bytes) {
    over_ = over_ || bytes > left_;
    if (!over_) left_ -= bytes;
    return !over_;
  }

  std::size_t left_;
  bool over_ = false;
};

}  // namespace opssight::batch
