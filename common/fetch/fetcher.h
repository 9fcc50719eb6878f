// Fetcher asks HTTP servers from a Loop: libcurl's multi interface on libuv, with
// connections kept between requests.
//
//   Fetcher fetcher(loop);
//   OPS_TRY(auto id, fetcher.Start({.url = url, .timeout_ms = 10'000}, [](FetchResult r) {…}));
//
// All on the loop, the construction and the end too. done is called once, never from
// within Start, unless the request was cancelled or the Fetcher ended; it may Start
// others. The body is bounded while it is read, after decompression. Names are looked up
// on threads of libcurl; a request that ends meanwhile leaves its thread to the resolver's
// own timeout.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/fetch/http_options.h"
#include "common/net/loop.h"
#include "common/net/timer.h"

namespace opssight {

struct CurlLibrary;

struct FetchRequest {
  std::string url;
  std::string unix_socket;  // "": by TCP.
  std::vector<std::pair<std::string, std::string>> headers;
  std::int64_t timeout_ms = 10'000;  // In all.
  std::size_t body_bytes_max = 64UL << 20;
  bool compression = true;  // Ask for gzip.
  HttpOptions http;
};

struct FetchAnswer {
  int status = 0;
  std::string content_type;
  std::string body;
};
// kExhausted: the body is over its limit. kUnavailable: no answer, and why.
using FetchResult = Result<FetchAnswer>;

class Fetcher {
 public:
  using Done = std::function<void(FetchResult)>;
  using Id = std::uint64_t;

  explicit Fetcher(Loop& loop) OPS_REQUIRES(loop);
  ~Fetcher();
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  // An error where a file of the options cannot be read, or libcurl is not there (it is
  // loaded for the first request); done is then not called.
  Result<Id> Start(FetchRequest request, Done done);
  void Cancel(Id id);
  std::size_t running() const { return running_.size(); }

 private:
  struct Transfer;
  struct Poll;
  struct Calls;  // What libcurl calls.
  void Act(int socket, int events);
  void TakeDone();
  Status GetReady();
  Status Configure(Transfer& transfer);

  Loop& loop_;
  Timer timer_;
  const CurlLibrary* curl_ = nullptr;  // Null before the first request, as is multi_.
  void* multi_ = nullptr;
  Id next_id_ = 1;
  std::map<Id, std::unique_ptr<Transfer>> running_;
};

}  // namespace opssight
