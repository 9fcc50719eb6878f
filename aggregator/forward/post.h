// Post sends one remote-write request and says how it ended; by libcurl, blocking. For the
// thread of one forwarder; Abort() is for any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "aggregator/forward/options.h"

namespace opssight {

struct PostAnswer {
  int status = 0;  // 0: no answer; text says why.
  std::int64_t retry_after_s = 0;
  std::string text;  // The beginning of the answer's body.
};

class Post {
 public:
  virtual ~Post() = default;
  virtual PostAnswer Send(const std::string& body) = 0;
  // What is under way ends with status 0, and so does all that follows.
  virtual void Abort() = 0;
};

// The connection is kept between requests.
std::unique_ptr<Post> MakePost(const ForwardOptions& options);

}  // namespace opssight
