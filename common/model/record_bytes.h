// What records take in memory, about, and records handed on in pieces of so many bytes:
// a batch is closed between two calls of a sink, so no call should bring more than a piece.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "common/model/record.h"

namespace opssight {

std::size_t BytesOf(const Labels& labels);
std::size_t BytesOf(const std::vector<Label>& labels);
std::size_t BytesOf(const Histogram& histogram);
// Labels of a series count with each record: who made them shares them between batches, not
// within one.
std::size_t BytesOf(const HistogramRow& row);
std::size_t BytesOf(const Exemplar& exemplar);
std::size_t BytesOf(const MetricMetadata& metadata);

// take(std::vector<T>) for each piece of at most bytes_max bytes and one record; never for
// an empty one. T has a BytesOf.
template <class T, class Take>
void InPieces(std::vector<T> records, std::size_t bytes_max, Take take) {
  std::vector<T> piece;
  std::size_t bytes = 0;
  for (T& record : records) {
    bytes += BytesOf(record);
    piece.push_back(std::move(record));
    if (bytes < bytes_max) continue;
    take(std::exchange(piece, {}));
    bytes = 0;
  }
  if (!piece.empty()) take(std::move(piece));
}

}  // namespace opssight
