// OPS_CHECK(cond, "…{}", args): an invariant of ours. On in every build; a
// broken one is logged and ends the process, which systemd starts again (spool
// and store are crash-safe). Never for input: wrong bytes are a Result.
// OPS_DCHECK is the same where it is hot, and absent from release builds.
#pragma once

#include <string_view>

#include <fmt/core.h>

namespace opssight {

[[noreturn]] void CheckFailed(const char* file, int line, const char* what,
                              std::string_view message);

}  // namespace opssight

#define OPS_CHECK(cond, ...)                                                          \
  do {                                                                                \
    if (!(cond)) [[unlikely]] {                                                       \
      ::opssight::CheckFailed(__FILE__, __LINE__, #cond, ::fmt::format(__VA_ARGS__)); \
    }                                                                                 \
  } while (false)

#ifdef NDEBUG
#define OPS_DCHECK(cond, ...) \
  do {                        \
  } while (false)
#else
#define OPS_DCHECK(cond, ...) OPS_CHECK(cond, __VA_ARGS__)
#endif
