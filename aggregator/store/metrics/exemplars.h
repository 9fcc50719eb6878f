// Exemplars on their way to the disk and back: those of the head in the order they came,
// and pieces of at most 4,096 in a day's file ("OME1", README.md). Memory: about 200 B an
// exemplar. ExemplarHead: one thread writes, any reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "aggregator/query/exemplars.h"
#include "aggregator/store/metrics/id_set.h"
#include "common/base/mutex.h"
#include "common/base/result.h"

namespace opssight {

struct StoredExemplar {
  SeriesId id = 0;
  ExemplarPoint point;
};

class ExemplarHead {
 public:
  void Add(StoredExemplar exemplar) OPS_EXCLUDES(mutex_);
  bool empty() const { return size() == 0; }
  std::size_t size() const OPS_EXCLUDES(mutex_);
  // Those in [from_ms, to_ms] whose id is in ids (ascending).
  std::vector<StoredExemplar> Find(std::span<const SeriesId> ids, std::int64_t from_ms,
                                   std::int64_t to_ms) const OPS_EXCLUDES(mutex_);
  std::vector<StoredExemplar> All() const OPS_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::vector<StoredExemplar> exemplars_ OPS_GUARDED_BY(mutex_);
};

std::size_t BytesOf(const StoredExemplar& exemplar);

// An exposition shows an exemplar until there is a newer one: the same again is no other.
class ExemplarRepeats {
 public:
  // Whether the last of the series was the same; remembers this one.
  bool Repeats(const StoredExemplar& exemplar);
  void Clear() { last_.clear(); }

 private:
  std::unordered_map<SeriesId, std::uint64_t> last_;  // Hash of the last of each series.
};

// ---- in a day's file

inline constexpr std::size_t kExemplarsPerPiece = 4096;

struct ExemplarPiece {
  std::size_t count = 0;
  std::int64_t min_ms = 0;
  std::int64_t max_ms = 0;
};
// At least one, at most kExemplarsPerPiece.
std::string WriteExemplars(std::span<const StoredExemplar> exemplars);
Result<ExemplarPiece> ReadExemplarHead(std::string_view bytes);
Result<std::vector<StoredExemplar>> ReadExemplars(std::string_view bytes);

// ---- an answer

// Puts exemplars of several indexes together, each once.
class ExemplarAnswer {
 public:
  void Add(const Labels& series, ExemplarPoint point);
  std::size_t size() const { return size_; }
  std::vector<SeriesExemplars> Finish();

 private:
  std::map<Labels, std::vector<ExemplarPoint>> series_;
  std::size_t size_ = 0;
};

}  // namespace opssight
