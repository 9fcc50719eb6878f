// What the tests of MetricsStore share: a store in a directory of its own, rows into it,
// and all that it answers as a model or as text.
#pragma once

#include <bit>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "aggregator/store/metrics/metrics_store.h"
#include "common/base/clock.h"
#include "common/bytes/hash.h"

namespace opssight::testing_metrics {

class Layouts final : public LayoutLookup {
 public:
  std::shared_ptr<const Layout> Find(const LayoutId& id) const override {
    const auto it = known_.find(id);
    return it == known_.end() ? nullptr : it->second;
  }
  void Add(const std::shared_ptr<const Layout>& layout) { known_[layout->id()] = layout; }

 private:
  std::map<LayoutId, std::shared_ptr<const Layout>> known_;
};

using Bits = std::uint64_t;
using Model = std::map<std::string, std::map<std::int64_t, Bits>>;  // By labels' text, time.

// A histogram in the model: a hash of all that it is.
inline Bits BitsOf(const Histogram& histogram) {
  std::string text;
  const auto add = [&text](double value) {
    text += std::to_string(std::bit_cast<Bits>(value)) + ",";
  };
  const auto add_all = [&](const std::vector<double>& values) {
    for (const double value : values) add(value);
    text += ";";
  };
  for (const auto* spans : {&histogram.positive_spans, &histogram.negative_spans}) {
    for (const BucketSpan& span : *spans) {
      text += std::to_string(span.offset) + "+" + std::to_string(span.length) + ",";
    }
    text += ";";
  }
  add(histogram.schema);
  add(static_cast<double>(histogram.hint));
  add(histogram.zero_threshold);
  add(histogram.zero_count);
  add(histogram.count);
  add(histogram.sum);
  add_all(histogram.positive);
  add_all(histogram.negative);
  add_all(histogram.custom_values);
  return Hash64(text);
}

inline Matcher Make(MatchType type, const std::string& name, const std::string& value) {
  return *Matcher::Make(type, name, value);
}

inline std::shared_ptr<const Layout> MakeLayout(const std::vector<Labels>& series) {
  std::vector<LayoutSeries> out;
  for (const Labels& labels : series) out.push_back({.labels = labels});
  return std::make_shared<const Layout>(std::move(out));
}

class MetricsStoreTest : public ::testing::Test {
 protected:
  MetricsStoreTest() {
    std::string name =
        (std::filesystem::temp_directory_path() / "opssight-metrics-XXXXXX").string();
    dir_ = mkdtemp(name.data());
    Reopen(0);
  }
  ~MetricsStoreTest() override {
    store_.reset();
    meta_.reset();
    std::filesystem::remove_all(dir_);
  }

  void Reopen(WalPosition flushed, std::size_t index_bytes = 256UL << 20) {
    store_.reset();
    meta_.reset();
    meta_ = *OpenMeta(dir_, {.map_bytes = 64 << 20});
    MetricsOptions options{.dir = dir_,
                           .block_bytes = 2000,
                           .transaction_bytes_max = 8000,
                           .map_bytes = 64 << 20,
                           .day_index_bytes_max = index_bytes};
    options.meta = meta_;
    options.day_index_large_bytes = large_index_bytes_;
    options.at = at_;
    options.rules = rules_;
    options.spare_bytes = [this] { return spare_bytes_; };
    store_ = std::make_unique<MetricsStore>(std::move(options), layouts_);
    if (job_ != nullptr) store_->AddDayJob(*job_);
    const Status status = store_->Recover(flushed);
    ASSERT_TRUE(status.has_value()) << status.error().message;
  }
  std::shared_ptr<const DecodedBatch> BatchOf(std::vector<MetricRow> rows,
                                              std::vector<HistogramRow> histograms = {}) {
    BatchContents contents;
    contents.histograms = std::move(histograms);
    contents.metrics = std::move(rows);
    const auto batch = DecodedBatch::Decode(EncodeBatch(contents, 0), {});
    EXPECT_TRUE(batch.has_value());
    return *batch;
  }
  void Apply(const std::shared_ptr<const Layout>& layout, std::int64_t time_ms,
             std::vector<double> values) {
    layouts_.Add(layout);
    store_->Apply({},
                  BatchOf({{.layout = layout, .time_ms = time_ms, .values = std::move(values)}}));
  }
  void Flush(WalPosition cut) {
    store_->Freeze(cut);
    const Status status = store_->Flush(cut);
    ASSERT_TRUE(status.has_value()) << status.error().message;
    store_->Publish(cut);
  }
  Model Ask(const std::vector<Matcher>& matchers, std::int64_t from_ms, std::int64_t to_ms) {
    Model out;
    const auto series = store_->Select(matchers, from_ms, to_ms, {});
    if (!series) {
      ADD_FAILURE() << series.error().message;
      return out;
    }
    for (const Series& one : *series) {
      auto& samples = out[one.labels.ToString()];
      EXPECT_TRUE(samples.empty()) << "each label set once";
      std::int64_t last = INT64_MIN;
      for (const Sample& sample : one.samples) {
        EXPECT_LT(last, sample.time_ms) << "ascending and unique";
        last = sample.time_ms;
        samples[sample.time_ms] = std::bit_cast<Bits>(sample.value);
      }
      last = INT64_MIN;
      for (const HistogramSample& sample : one.histograms) {
        EXPECT_LT(last, sample.time_ms) << "ascending and unique";
        last = sample.time_ms;
        EXPECT_TRUE(samples.emplace(sample.time_ms, BitsOf(*sample.histogram)).second)
            << "a float and a histogram at one time";
      }
    }
    return out;
  }
  std::string All() {
    std::string out;
    for (const auto& [labels, samples] : Ask({}, 0, 100 * kMsPerDay)) {
      out += labels;
      for (const auto& [time_ms, bits] : samples) {
        out += " " + std::to_string(time_ms) + "=" +
               std::to_string(static_cast<int>(std::bit_cast<double>(bits)));
      }
      out += "; ";
    }
    return out;
  }

  // For the next Reopen.
  std::size_t large_index_bytes_ = MetricsOptions().day_index_large_bytes;
  std::function<void(SealPoint)> at_;
  std::vector<MetricRule> rules_;
  std::uint64_t spare_bytes_ = UINT64_MAX;  // At any time.
  DayJob* job_ = nullptr;

  std::string dir_;
  Layouts layouts_;
  std::shared_ptr<GuardedEnv> meta_;
  std::unique_ptr<MetricsStore> store_;
};

inline const Labels kUp{{"__name__", "up"}, {"host", "a"}};
inline const Labels kLoad{{"__name__", "load"}, {"host", "a"}};

}  // namespace opssight::testing_metrics
