// Responder answers one request. Handlers take one with each request; tests of
// handlers write their own.
#pragma once

#include "common/http/message.h"

namespace opssight {

class Responder {
 public:
  // Dropped without Send, and the client still there: it gets 500, which is counted.
  virtual ~Responder() = default;
  // Once, on any thread. Compresses here, on the caller's thread.
  virtual void Send(HttpResponse response) = 0;
  // The client has gone: what is being worked out is for nobody. Any thread.
  virtual bool cancelled() const = 0;
};

// A plain-text answer, "text\n", for errors.
HttpResponse TextResponse(int status, std::string_view text);

}  // namespace opssight
