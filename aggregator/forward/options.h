// One receiver of remote write, with Prometheus' names and defaults for its settings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/relabel/relabel.h"

namespace opssight {

struct ForwardOptions {
  std::string name;  // Names its position; "" : the URL does.
  std::string url;
  std::string username;  // Basic authentication.
  std::string password;
  std::string bearer_token;
  std::string ca_file;  // PEM; "": the system's.
  bool insecure_skip_verify = false;
  bool send_exemplars = false;
  bool send_native_histograms = false;
  std::vector<RelabelOptions> write_relabel;  // What of the metrics is sent, and as what.
  std::int64_t timeout_ms = 30'000;           // Of one request.
  std::size_t samples_per_send_max = 2000;
  std::int64_t backoff_min_ms = 30;
  std::int64_t backoff_max_ms = 5'000;
  bool retry_on_http_429 = true;
  // The wal is kept for a receiver that is behind up to this size; then the oldest goes,
  // and counters say how much.
  std::uint64_t wal_bytes_max = 512UL << 20;

  const std::string& id() const { return name.empty() ? url : name; }
};

}  // namespace opssight
