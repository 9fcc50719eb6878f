#include "tests/bench/system/peer_writer.h"

#include <chrono>
#include <thread>

#include <fmt/core.h>

#include "tests/bench/system/servers.h"

namespace opssight::bench {

PeerWriter::PeerWriter(const Peer& peer) : name_(peer.name()), curl_(curl_easy_init()) {
  for (const char* header :
       {"Content-Encoding: snappy", "Content-Type: application/x-protobuf",
        "X-Prometheus-Remote-Write-Version: 0.1.0", "User-Agent: bench", "Expect:"}) {
    headers_ = curl_slist_append(headers_, header);
  }
  const std::string url = peer.write_url();
  curl_easy_setopt(curl_, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers_);
  curl_easy_setopt(curl_, CURLOPT_POST, 1L);
  curl_easy_setopt(curl_, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, &Append);
  curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &answer_);
}

PeerWriter::~PeerWriter() {
  curl_easy_cleanup(curl_);
  curl_slist_free_all(headers_);
}

std::size_t PeerWriter::Append(char* data, std::size_t size, std::size_t count, void* out) {
  static_cast<std::string*>(out)->append(data, size * count);
  return size * count;
}

long PeerWriter::SendOnce(const std::string& body) {
  answer_.clear();
  curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, body.data());
  const CURLcode code = curl_easy_perform(curl_);
  if (code != CURLE_OK) Fail(fmt::format("{}: remote write: {}", name_, curl_easy_strerror(code)));
  long status = 0;
  curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

void PeerWriter::Send(const std::string& body) {
  constexpr int kTries = 600;
  long status = SendOnce(body);
  for (int i = 0; i < kTries && (status == 503 || status == 429); ++i) {
    ++repeated_;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    status = SendOnce(body);
  }
  if (status / 100 == 2) return;
  Fail(fmt::format("{}: remote write: {} {}", name_, status, answer_.substr(0, 400)));
}

}  // namespace opssight::bench
