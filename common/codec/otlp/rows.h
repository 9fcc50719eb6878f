// RowBuilder collects the samples of one request and gives metric rows: one for
// each resource and time. The layout of a row does not depend on the order in which
// the samples came (SDKs keep their series in hash maps), and while a resource
// sends the same series as before it is found by hash: no label is built again.
//
// Samples of one resource within align_ms of each other share the row of the
// earliest: SDKs read the clock once per instrument, and each row of its own would
// be a layout of its own. Internal to this folder; not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/bytes/hash.h"
#include "common/codec/otlp/otlp.h"
#include "common/model/record.h"

namespace opssight::otlp {

// Layouts by the set of their series, the least used forgotten first.
class LayoutCache {
 public:
  struct Entry {
    std::shared_ptr<const Layout> layout;
    std::vector<std::uint32_t> place;  // Of the series with the i-th smallest hash, in layout.
  };
  explicit LayoutCache(std::size_t series_max) : series_max_(series_max) {}
  const Entry* Find(const Hash128& key);
  const Entry& Insert(const Hash128& key, Entry entry);
  std::size_t series() const { return series_; }

 private:
  const std::size_t series_max_;
  std::size_t series_ = 0;
  std::list<std::pair<Hash128, Entry>> by_age_;  // Least used first.
  std::unordered_map<Hash128, std::list<std::pair<Hash128, Entry>>::iterator> by_key_;
};

class RowBuilder {
 public:
  RowBuilder(LayoutCache& cache, const OtlpLimits& limits, std::int64_t align_ms)
      : cache_(cache), limits_(limits), align_ms_(align_ms) {}

  // What follows belongs to this resource; the same key again: to the same rows.
  // info, if not empty, are the labels of its target_info.
  void Resource(std::string key, std::vector<Label> info);
  // The labels (without name and extra) that samples name by the returned number.
  std::uint32_t Base(std::vector<Label> labels);
  std::uint32_t Name(std::string name);

  struct Series {
    std::uint32_t name = 0;
    std::uint32_t base = 0;
    std::string_view extra_name;  // "le", "quantile", or none. Static storage.
    std::string extra_value;
    MetricType type = MetricType::kUnknown;
  };
  void Add(Series series, std::int64_t time_ms, double value);

  // The current resource has a record of this time that is none of the samples: its
  // target_info is due then, too.
  void SeenBeside(std::int64_t time_ms);

  Labels LabelsOf(const Series& series) const;

  // Of the current resource: names one metric with one label set.
  Hash128 Identity(std::uint32_t name, std::uint32_t base) const;
  // Bytes held, about, with the labels that a new layout will take; and what count
  // more samples of this base would add.
  std::size_t bytes() const { return bytes_; }
  std::size_t BytesFor(std::uint32_t base, std::size_t count) const;
  // Of samples that stood twice in one row at one time; the first stayed.
  std::uint64_t duplicates() const { return duplicates_; }
  std::vector<MetricRow> Take();

 private:
  struct Sample {
    std::uint64_t hash = 0;
    std::int64_t time_ms = 0;
    double value = 0;
    Series series;
  };
  struct Group {
    std::uint64_t key_hash = 0;
    std::optional<Series> info;
    std::vector<Sample> samples;
    std::vector<std::int64_t> beside;  // Times.
  };
  void TakeGroup(Group& group, std::vector<MetricRow>& rows);
  // A row of nothing but target_info for each of these times.
  void TakeInfo(const Sample& info, std::vector<std::int64_t> times, std::vector<MetricRow>& rows);
  // samples by hash, none twice.
  // How many of count samples one layout takes.
  std::size_t Fitting(const Sample* const* samples, std::size_t count) const;
  void TakeRow(const Sample* const* samples, std::size_t count, std::int64_t time_ms,
               std::vector<MetricRow>& rows);
  LayoutCache::Entry NewLayout(const Sample* const* samples, std::size_t count) const;
  std::uint64_t HashOf(const Series& series) const;

  LayoutCache& cache_;
  const OtlpLimits& limits_;
  const std::int64_t align_ms_;
  std::vector<Group> groups_;
  std::unordered_map<std::string, std::size_t> group_by_key_;
  std::size_t group_ = 0;
  struct BaseLabels {
    std::vector<Label> labels;
    std::uint64_t hash = 0;
    std::size_t bytes = 0;
  };
  std::vector<BaseLabels> bases_;
  std::vector<std::pair<std::string, std::uint64_t>> names_;  // With its hash.
  std::size_t bytes_ = 0;
  std::uint64_t duplicates_ = 0;
};

}  // namespace opssight::otlp
