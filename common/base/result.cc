#include "common/base/result.h"

#include <system_error>

namespace opssight {

std::string_view ToString(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return "invalid";
    case ErrorCode::kNotFound:
      return "not found";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kExhausted:
      return "exhausted";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kIo:
      return "io";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "unknown";
}

Error IoError(std::string doing, int error_number) {
  return {ErrorCode::kIo, std::move(doing) + ": " +
                              std::error_code(error_number, std::generic_category()).message()};
}

}  // namespace opssight
