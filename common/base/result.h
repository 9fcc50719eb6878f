// Result<T> is a value or an Error. It is the only way a function of this
// project says "this did not work, and the caller must decide".
//
//   Result<Config> LoadConfig(const Path& path) {
//     OPS_TRY(std::string text, ReadFile(path));
//     OPS_TRY(Config config, ParseConfig(text));
//     return config;
//   }
//
// What it is not for: a broken invariant (OPS_CHECK, which ends the process)
// and a normal "nothing there" (std::optional).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace opssight {

// What the caller can do about it, not where it came from: every code here is
// one that some caller branches on. The HTTP status of an answer, whether to
// retry, and the level of the log line follow from the code alone.
enum class ErrorCode : std::uint8_t {
  kInvalid,      // The input is wrong; sending it again will not help.
  kNotFound,     // No such thing.
  kUnavailable,  // Not now: peer down, would block, shutting down. Retry.
  kExhausted,    // A configured limit was reached.
  kCorrupt,      // Stored bytes failed their checksum or their shape.
  kIo,           // The system said no; errno text is in the message.
  kInternal,     // A bug of ours that we could report and survive.
};

std::string_view ToString(ErrorCode code);
constexpr bool IsRetryable(ErrorCode code) {
  return code == ErrorCode::kUnavailable;
}

// message is for the person who runs the system: what was being done, to what,
// and what to do about it ("spool: /var/lib/opssight/spool: no space left").
struct [[nodiscard]] Error {
  ErrorCode code;
  std::string message;

  // Prefixes what the caller was doing: "ship: " + "connect: refused".
  Error At(std::string_view doing) && {
    message.insert(0, std::string(doing) + ": ");
    return std::move(*this);
  }
};

template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  Result(Error error)  // NOLINT(google-explicit-constructor): `return Error{...}`
      : tl::expected<T, Error>(tl::unexpect, std::move(error)) {}
};

using Status = Result<void>;

inline Error Invalid(std::string message) {
  return {ErrorCode::kInvalid, std::move(message)};
}
inline Error Corrupt(std::string message) {
  return {ErrorCode::kCorrupt, std::move(message)};
}
inline Error NotFound(std::string message) {
  return {ErrorCode::kNotFound, std::move(message)};
}
inline Error Unavailable(std::string message) {
  return {ErrorCode::kUnavailable, std::move(message)};
}
inline Error Exhausted(std::string message) {
  return {ErrorCode::kExhausted, std::move(message)};
}
inline Error Internal(std::string message) {
  return {ErrorCode::kInternal, std::move(message)};
}
// kIo with errno's text: IoError("open /x", errno) -> "open /x: no such file or directory".
Error IoError(std::string doing, int error_number);

}  // namespace opssight

#define OPS_CONCAT_INNER(a, b) a##b
#define OPS_CONCAT(a, b) OPS_CONCAT_INNER(a, b)
#define OPS_TRY_IMPL(tmp, decl, expr) \
  auto tmp = (expr);                  \
  if (!tmp.has_value()) {             \
    return std::move(tmp).error();    \
  }                                   \
  decl = *std::move(tmp)
// OPS_TRY(decl, expr): unwraps expr into decl or returns its error.
#define OPS_TRY(decl, expr) OPS_TRY_IMPL(OPS_CONCAT(ops_try_, __LINE__), decl, expr)
// OPS_RETURN_IF_ERROR(expr): the same, for a Status.
#define OPS_RETURN_IF_ERROR(expr)                            \
  do {                                                       \
    if (auto ops_status = (expr); !ops_status.has_value()) { \
      return std::move(ops_status).error();                  \
    }                                                        \
  } while (false)
