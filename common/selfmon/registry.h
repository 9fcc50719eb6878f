// Registry names the process's own metrics once and writes them all: as Prometheus
// text 0.0.4 for /metrics, or into a FrameBuilder, so that the agent ships its own.
//
//   registry.Add("opssight_spool_dropped_batches_total", "Batches dropped at the cap.",
//                metrics.dropped_batches, {{"lane", "fresh"}});
//   registry.AddCallback("opssight_spool_bytes", "Bytes on disk.", MetricType::kGauge,
//                        [&spool] { return double(spool.used_bytes()); });
//
// What is registered is not owned and outlives the registry's last use. A wrong or
// doubled name is a broken invariant: names are ours. Label values come from closed
// sets, never from input. Safe on any thread; callbacks run on the thread that
// writes, one at a time, and must not call the registry.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/mutex.h"
#include "common/model/frame.h"
#include "common/model/labels.h"
#include "common/selfmon/metrics.h"

namespace opssight {

class Registry {
 public:
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

  // A counter's name ends in _total; a name has one type and help for all labels.
  void Add(std::string name, std::string help, const Counter& counter, Labels labels = {});
  void Add(std::string name, std::string help, const Gauge& gauge, Labels labels = {});
  void Add(std::string name, std::string help, const ClassicHistogram& histogram,
           Labels labels = {});
  void AddCallback(std::string name, std::string help, MetricType type,
                   std::function<double()> value, Labels labels = {});
  // Called before each writing: brings values up to date that several callbacks share.
  void AddRefresh(std::function<void()> refresh);

  // Families in the order of registration.
  std::string PrometheusText() const;
  // Adds all series, between the builder's Begin and End.
  void Fill(FrameBuilder& frame) const;

 private:
  struct Entry {
    Labels labels;
    std::function<double()> value;                // Of a single value.
    const ClassicHistogram* histogram = nullptr;  // Or this.
  };
  struct Family {
    std::string name;
    std::string help;
    MetricType type = MetricType::kGauge;
    std::vector<Entry> entries;
  };
  // Takes one series; labels hold no __name__.
  using Emit = std::function<void(const Family& family, std::string_view name,
                                  const std::vector<LabelView>& labels, double value)>;

  void AddEntry(std::string name, std::string help, MetricType type, Entry entry);
  void EmitEntry(const Family& family, const Entry& entry, const Emit& emit) const
      OPS_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::vector<Family> families_ OPS_GUARDED_BY(mutex_);
  std::map<std::string, std::size_t> by_name_ OPS_GUARDED_BY(mutex_);
  std::vector<std::function<void()>> refreshes_ OPS_GUARDED_BY(mutex_);
};

}  // namespace opssight
