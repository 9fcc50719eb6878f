#include "common/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace opssight {

void CheckFailed(const char* file, int line, const char* what, std::string_view message) {
  fmt::print(stderr, "{}:{}: broken invariant: {}: {}\n", file, line, what, message);
  (void)std::fflush(stderr);
  std::abort();
}

}  // namespace opssight
