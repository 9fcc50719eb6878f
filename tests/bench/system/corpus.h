// What the simulated agents send: layouts with a node_exporter's names, JSON log lines
// of the product's shape, traces of eight spans. Made from a seed: the same each run.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/model/record.h"

namespace opssight::bench {

// width series of one host, in a node_exporter's shares of CPU, disk, network,
// memory and histogram series; the rest is filled with single counters.
std::shared_ptr<const Layout> HostLayout(std::size_t host, std::size_t width);
std::string HostInstance(std::size_t host);

// Lines of one service: about 369 B, with a request id that is unique.
class LogLines {
 public:
  explicit LogLines(std::size_t stream) : stream_(stream), random_(stream + 1) {}
  Labels StreamLabels() const;
  std::string Next(std::int64_t time_ns);
  const std::string& last_request_id() const { return request_id_; }

 private:
  const std::size_t stream_;
  Random random_;
  std::string request_id_;
};

inline constexpr std::size_t kSpansPerTrace = 8;

// Traces through ten services.
class Traces {
 public:
  explicit Traces(std::uint64_t seed);
  // Appends the eight spans of one trace.
  void Next(std::int64_t time_ns, std::vector<Span>& to);
  const TraceId& last_trace_id() const { return trace_id_; }

 private:
  Random random_;
  TraceId trace_id_{};
  std::vector<std::shared_ptr<const Resource>> resources_;
  std::shared_ptr<const Scope> scope_;
};

}  // namespace opssight::bench
