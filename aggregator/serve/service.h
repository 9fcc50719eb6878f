// Service is what the aggregator's HTTP port answers: health, its own metrics, reload,
// and the query APIs. Queries run on a pool of threads, each with a deadline; what
// the loop answers itself costs microseconds.
//
//   Service service(api, registry, options, clock, [&] { return Reload(); });
//   HttpServer::Open(loop, ports, limits, [&](HttpRequest request, auto responder) {
//     service.Handle(std::move(request), std::move(responder));
//   });
//
// Any thread. Stop() lets queries that run end at their next look at the deadline.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "aggregator/api/api.h"
#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/base/work_pool.h"
#include "common/http/message.h"
#include "common/http/responder.h"
#include "common/selfmon/metrics.h"
#include "common/selfmon/registry.h"

namespace opssight {

struct ServeOptions {
  std::size_t query_threads = 4;
  std::size_t queries_waiting_max = 200;    // More are answered with 503.
  std::int64_t query_timeout_ms = 120'000;  // A request may ask for less (timeout=…).
};

struct ServeMetrics {
  Counter queries;
  Counter refused;    // By queries_waiting_max.
  Counter timed_out;  // Stopped by the deadline.
  Counter abandoned;  // Stopped because the client had gone.
  Counter invalid;    // Answered with 400: no query, or parameters that are none.
  Counter failed;     // Answered with 422: over a limit, or what has no answer.
  Gauge running;
};

class Service {
 public:
  // reload: nothing where the program cannot.
  Service(const Api& api, const Registry& registry, ServeOptions options, const Clock& clock,
          std::function<Status()> reload);
  ~Service() { Stop(); }

  void Handle(HttpRequest request, std::shared_ptr<Responder> responder);

  // Until then /-/ready and queries are 503: the store is being read back.
  void SetReady() { ready_.store(true, std::memory_order_release); }
  void Stop();

  const ServeMetrics& metrics() const { return metrics_; }
  std::size_t waiting() const { return pool_.waiting(); }

 private:
  HttpResponse Reload(const HttpRequest& request) const;
  void StartQuery(HttpRequest request, std::shared_ptr<Responder> responder);
  void RunQuery(const HttpRequest& request, Responder& responder, std::int64_t deadline_ns);

  const Api& api_;
  const Registry& registry_;
  const ServeOptions options_;
  const Clock& clock_;
  const std::function<Status()> reload_;
  std::atomic<bool> ready_{false};
  std::atomic<bool> stopping_{false};
  ServeMetrics metrics_;
  WorkPool pool_;
};

}  // namespace opssight
