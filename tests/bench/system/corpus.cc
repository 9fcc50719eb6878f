#include "tests/bench/system/corpus.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

namespace opssight::bench {
namespace {

using Texts = std::initializer_list<std::string_view>;

class LayoutMaker {
 public:
  LayoutMaker(std::size_t host, std::size_t width) : instance_(HostInstance(host)), width_(width) {}

  void Add(std::string name, MetricType type, std::vector<Label> labels = {}) {
    if (series_.size() == width_) return;
    labels.push_back({.name = "__name__", .value = std::move(name)});
    labels.push_back({.name = "instance", .value = instance_});
    labels.push_back({.name = "job", .value = "node"});
    series_.push_back({.labels = Labels(std::move(labels)), .type = type});
  }
  // Each name for each value of a label.
  void AddEach(std::string_view prefix, Texts names, std::string_view label, Texts values) {
    for (const std::string_view name : names) {
      for (const std::string_view value : values) {
        Add(fmt::format("{}{}", prefix, name), MetricType::kCounter,
            {{.name = std::string(label), .value = std::string(value)}});
      }
    }
  }
  std::shared_ptr<const Layout> Make() {
    for (int i = 0; series_.size() < width_; ++i) {
      Add(fmt::format("node_netstat_Thing{}", i), MetricType::kCounter);
    }
    return std::make_shared<const Layout>(std::move(series_));
  }

 private:
  const std::string instance_;
  const std::size_t width_;
  std::vector<LayoutSeries> series_;
};

void AddCpus(LayoutMaker& maker) {
  for (int cpu = 0; cpu < 8; ++cpu) {
    for (const char* mode :
         {"idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"}) {
      maker.Add("node_cpu_seconds_total", MetricType::kCounter,
                {{.name = "cpu", .value = std::to_string(cpu)}, {.name = "mode", .value = mode}});
    }
  }
}

void AddHistogram(LayoutMaker& maker) {
  for (const char* handler : {"/", "/api/orders", "/api/users", "/health"}) {
    for (const char* le : {"0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "+Inf"}) {
      maker.Add("http_request_duration_seconds_bucket", MetricType::kHistogram,
                {{.name = "handler", .value = handler}, {.name = "le", .value = le}});
    }
  }
}

template <std::size_t N>
std::string_view Pick(Random& random, const std::array<std::string_view, N>& from) {
  return from[random.Below(N)];
}

std::string Uuid(Random& random) {
  const std::uint64_t a = random.Next();
  const std::uint64_t b = random.Next();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", a >> 32, a >> 16 & 0xffff, a & 0xfff,
                     (b >> 48 & 0x3fff) | 0x8000, b & 0xffff'ffff'ffff);
}

// 2025-01-20T15:30:45.123Z
std::string Timestamp(std::int64_t time_ns) {
  const std::int64_t ms = time_ns / 1'000'000 % 86'400'000;
  return fmt::format("2025-01-20T{:02}:{:02}:{:02}.{:03}Z", ms / 3'600'000, ms / 60'000 % 60,
                     ms / 1'000 % 60, ms % 1'000);
}

std::string Message(Random& random, std::string_view endpoint, std::uint64_t duration_ms) {
  switch (random.Below(6)) {
    case 0:
      return fmt::format("{} {} completed in {} ms", random.Below(2) == 0 ? "GET" : "POST",
                         endpoint, duration_ms);
    case 1:
      return fmt::format("cache miss for key session:{}, loading from database",
                         random.Below(1'000'000));
    case 2:
      return fmt::format("query returned {} rows", random.Below(500));
    case 3:
      return fmt::format("order {} moved from pending to paid", random.Below(10'000'000));
    case 4:
      return "Request processed successfully";
    default:
      return fmt::format("retry {} of external call to payment gateway", 1 + random.Below(3));
  }
}

template <std::size_t N>
void Fill(Random& random, std::array<std::uint8_t, N>& id) {
  static_assert(N % 8 == 0);
  for (std::size_t at = 0; at < N; at += 8) {
    const std::uint64_t value = random.Next();
    std::memcpy(id.data() + at, &value, 8);
  }
}

}  // namespace

std::string HostInstance(std::size_t host) {
  return fmt::format("10.1.{}.{}:9100", host / 250, host % 250 + 1);
}

std::shared_ptr<const Layout> HostLayout(std::size_t host, std::size_t width) {
  LayoutMaker maker(host, width);
  for (const char* load : {"node_load1", "node_load5", "node_load15"}) {
    maker.Add(load, MetricType::kGauge);
  }
  AddCpus(maker);
  AddHistogram(maker);
  maker.AddEach("node_disk_",
                {"reads_completed_total", "reads_merged_total", "read_bytes_total",
                 "read_time_seconds_total", "writes_completed_total", "writes_merged_total",
                 "written_bytes_total", "write_time_seconds_total", "io_now",
                 "io_time_seconds_total", "io_time_weighted_seconds_total", "info"},
                "device", {"vda", "vdb", "nvme0n1", "nvme1n1"});
  maker.AddEach("node_network_",
                {"receive_bytes_total",
                 "receive_packets_total",
                 "receive_errs_total",
                 "receive_drop_total",
                 "receive_fifo_total",
                 "receive_frame_total",
                 "receive_compressed_total",
                 "receive_multicast_total",
                 "transmit_bytes_total",
                 "transmit_packets_total",
                 "transmit_errs_total",
                 "transmit_drop_total",
                 "transmit_fifo_total",
                 "transmit_colls_total",
                 "transmit_carrier_total",
                 "transmit_compressed_total",
                 "up",
                 "mtu_bytes",
                 "carrier_changes_total",
                 "speed_bytes"},
                "device", {"lo", "eth0", "docker0", "veth3a1f"});
  maker.AddEach("node_filesystem_",
                {"avail_bytes", "free_bytes", "size_bytes", "files", "files_free", "readonly",
                 "device_error"},
                "mountpoint", {"/", "/boot", "/var/lib/docker", "/run", "/data"});
  maker.AddEach("node_schedstat_",
                {"running_seconds_total", "waiting_seconds_total", "timeslices_total"}, "cpu",
                {"0", "1", "2", "3", "4", "5", "6", "7"});
  return maker.Make();
}

Labels LogLines::StreamLabels() const {
  return Labels{{"app", fmt::format("app-{}", stream_ % 10)},
                {"environment", "production"},
                {"filename", fmt::format("/var/log/pods/app-{}/0.log", stream_)},
                {"host", fmt::format("node-{}", stream_)},
                {"job", "containers"}};
}

std::string LogLines::Next(std::int64_t time_ns) {
  static constexpr std::array<std::string_view, 10> kLevels = {
      "info", "info", "info", "info", "info", "info", "debug", "debug", "warn", "error"};
  static constexpr std::array<std::string_view, 8> kCategories = {
      "api_request", "api_response", "db_query",     "cache_op",
      "security",    "business",     "external_api", "background"};
  static constexpr std::array<std::string_view, 6> kEndpoints = {
      "/api/v1/users", "/api/v1/orders",   "/api/v1/orders/items",
      "/api/v1/cart",  "/api/v1/payments", "/api/v1/search"};
  static constexpr std::array<std::string_view, 5> kLoggers = {"app.api.users", "app.api.orders",
                                                               "app.db", "app.cache", "app.jobs"};
  request_id_ = Uuid(random_);
  const std::uint64_t duration_ms = random_.Below(1'000);
  const std::string_view endpoint = Pick(random_, kEndpoints);
  const std::string message = Message(random_, endpoint, duration_ms);
  return fmt::format(
      R"({{"timestamp":"{}","level":"{}","message":"{}","category":"{}","component":"backend",)"
      R"("context":{{"request_id":"{}","user_id":"user_{}","endpoint":"{}"}},)"
      R"("labels":{{"service":"app-{}","environment":"production"}},)"
      R"("metadata":{{"logger":"{}","duration_ms":{},"status":{},"pod":"app-{}-{}"}}}})",
      Timestamp(time_ns), Pick(random_, kLevels), message, Pick(random_, kCategories), request_id_,
      random_.Below(100'000), endpoint, stream_ % 10, Pick(random_, kLoggers), duration_ms,
      random_.Below(25) == 0 ? 500 : 200, stream_ % 10, random_.Below(8));
}

Traces::Traces(std::uint64_t seed) : random_(seed) {
  for (int service = 0; service < 10; ++service) {
    Resource resource;
    resource.attributes = {
        {.key = "service.name", .value = Value::String(fmt::format("service-{}", service))},
        {.key = "service.version", .value = Value::String("1.4.2")},
        {.key = "host.name", .value = Value::String(fmt::format("node-{}", service % 4))}};
    resources_.push_back(std::make_shared<const Resource>(std::move(resource)));
  }
  scope_ = std::make_shared<const Scope>(Scope{.name = "http", .version = "0.50.0"});
}

void Traces::Next(std::int64_t time_ns, std::vector<Span>& to) {
  static constexpr std::array<std::string_view, 6> kRoutes = {
      "/api/orders/:id", "/api/users/:id", "/api/cart", "/api/search", "/health", "/api/payments"};
  Fill(random_, trace_id_);
  std::array<SpanId, kSpansPerTrace> ids{};
  for (std::size_t i = 0; i < kSpansPerTrace; ++i) {
    Fill(random_, ids[i]);
    const std::string_view route = Pick(random_, kRoutes);
    const bool failed = random_.Below(50) == 0;
    Span span{.trace_id = trace_id_,
              .span_id = ids[i],
              .name = fmt::format("GET {}", route),
              .kind = static_cast<std::uint8_t>(2 + i % 2),
              .status_code = static_cast<std::uint8_t>(failed ? 2 : 0)};
    if (i > 0) span.parent_span_id = ids[random_.Below(i)];
    span.start_ns = time_ns + static_cast<std::int64_t>(i * 100'000 + random_.Below(50'000));
    span.end_ns = span.start_ns + static_cast<std::int64_t>(100'000 + random_.Below(200'000'000));
    span.attributes = {
        {.key = "http.request.method", .value = Value::String("GET")},
        {.key = "http.route", .value = Value::String(std::string(route))},
        {.key = "http.response.status_code", .value = Value::Int(failed ? 500 : 200)},
        {.key = "user.id", .value = Value::String(fmt::format("user-{}", random_.Below(10'000)))}};
    span.resource = resources_[random_.Below(resources_.size())];
    span.scope = scope_;
    to.push_back(std::move(span));
  }
}

}  // namespace opssight::bench
