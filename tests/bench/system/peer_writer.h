// Sends remote-write requests over one connection, as a sender does. Anything but a 2xx
// ends the benchmark; "later" (503, 429) is tried again, as senders do.
#pragma once

#include <cstddef>
#include <curl/curl.h>
#include <string>

#include "tests/bench/system/peer.h"

namespace opssight::bench {

class PeerWriter {
 public:
  explicit PeerWriter(const Peer& peer);
  ~PeerWriter();
  PeerWriter(const PeerWriter&) = delete;
  PeerWriter& operator=(const PeerWriter&) = delete;

  // body: snappy and all, of remote write 1.0.
  void Send(const std::string& body);
  std::size_t repeated() const { return repeated_; }

 private:
  long SendOnce(const std::string& body);  // The status.
  static std::size_t Append(char* data, std::size_t size, std::size_t count, void* out);

  const std::string name_;
  CURL* curl_;
  curl_slist* headers_ = nullptr;
  std::string answer_;
  std::size_t repeated_ = 0;
};

}  // namespace opssight::bench
