// MetricAdder names the fields of a component's statistics one a line, for structs of
// atomics and for plain ones that the writing thread may read.
//
//   MetricAdder add(registry, "opssight_ship_");
//   add.Total("batches_sent", "Batches sent.", stats.batches_sent);   // …_total
//   add.Level("connected", "1 while there is a session.", stats.connected);
//
// What is added outlives the registry.
#pragma once

#include <atomic>
#include <string>
#include <utility>

#include "common/selfmon/registry.h"

namespace opssight {

class MetricAdder {
 public:
  MetricAdder(Registry& registry, std::string prefix)
      : registry_(registry), prefix_(std::move(prefix)) {}

  template <class T>
  void Total(const char* name, const char* help, const T& value, Labels labels = {}) {
    Add(name + std::string("_total"), help, MetricType::kCounter, value, std::move(labels), 1);
  }
  template <class T>
  void Level(const char* name, const char* help, const T& value, Labels labels = {}) {
    Add(name, help, MetricType::kGauge, value, std::move(labels), 1);
  }
  // A count of microseconds, as seconds.
  template <class T>
  void Seconds(const char* name, const char* help, const T& us) {
    Add(name + std::string("_seconds_total"), help, MetricType::kCounter, us, {}, 1e-6);
  }

 private:
  template <class T>
  static double Read(const std::atomic<T>& value) {
    return static_cast<double>(value.load(std::memory_order_relaxed));
  }
  template <class T>
  static double Read(const T& value) {
    return static_cast<double>(value);
  }
  template <class T>
  void Add(const std::string& name, const char* help, MetricType type, const T& value,
           Labels labels, double scale) {
    registry_.AddCallback(
        prefix_ + name, help, type, [&value, scale] { return Read(value) * scale; },
        std::move(labels));
  }

  Registry& registry_;
  const std::string prefix_;
};

}  // namespace opssight
