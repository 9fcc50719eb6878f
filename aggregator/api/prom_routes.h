// The table of Prometheus' endpoints: what the router serves and openapi.yaml describes, so
// that neither can say what the other does not. Immutable; any thread.
#pragma once

#include <span>
#include <string_view>

#include "aggregator/api/prom_call.h"

namespace opssight {

struct PromRoute {
  static constexpr unsigned kGet = 1;
  static constexpr unsigned kPost = 2;
  static constexpr unsigned kPut = 4;

  std::string_view path;  // Below /api/v1/.
  unsigned methods = 0;
  PromEndpoint answer = nullptr;
  std::string_view summary;
  std::string_view params;  // "query! time limit": names, with ! where it is required.
};

std::span<const PromRoute> PromRoutes();
const PromRoute* FindPromRoute(std::string_view path);  // Null: none.

}  // namespace opssight
