#include "aggregator/forward/post.h"

#include <algorithm>
#include <curl/curl.h>

#include "common/base/check.h"

namespace opssight {
namespace {

constexpr std::size_t kTextBytesMax = 512;

std::size_t Keep(char* data, std::size_t size, std::size_t count, void* to) {
  auto* text = static_cast<std::string*>(to);
  const std::size_t bytes = size * count;
  text->append(data, std::min(bytes, kTextBytesMax - std::min(kTextBytesMax, text->size())));
  return bytes;
}

int Look(void* aborted, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(aborted)->load() ? 1 : 0;
}

class CurlPost final : public Post {
 public:
  explicit CurlPost(const ForwardOptions& options) : curl_(curl_easy_init()) {
    OPS_CHECK(curl_ != nullptr, "curl_easy_init failed");
    for (const char* header :
         {"Content-Encoding: snappy", "Content-Type: application/x-protobuf",
          "X-Prometheus-Remote-Write-Version: 0.1.0", "User-Agent: opssight", "Expect:"}) {
      headers_ = curl_slist_append(headers_, header);
    }
    if (!options.bearer_token.empty()) {
      headers_ =
          curl_slist_append(headers_, ("Authorization: Bearer " + options.bearer_token).c_str());
    }
    curl_easy_setopt(curl_, CURLOPT_URL, options.url.c_str());
    curl_easy_setopt(curl_, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers_);
    curl_easy_setopt(curl_, CURLOPT_POST, 1L);
    curl_easy_setopt(curl_, CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout_ms));
    curl_easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, Keep);
    curl_easy_setopt(curl_, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl_, CURLOPT_XFERINFOFUNCTION, Look);
    curl_easy_setopt(curl_, CURLOPT_XFERINFODATA, &aborted_);
    if (!options.username.empty()) {
      curl_easy_setopt(curl_, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
      curl_easy_setopt(curl_, CURLOPT_USERNAME, options.username.c_str());
      curl_easy_setopt(curl_, CURLOPT_PASSWORD, options.password.c_str());
    }
    if (!options.ca_file.empty()) curl_easy_setopt(curl_, CURLOPT_CAINFO, options.ca_file.c_str());
    if (options.insecure_skip_verify) {
      curl_easy_setopt(curl_, CURLOPT_SSL_VERIFYPEER, 0L);
      curl_easy_setopt(curl_, CURLOPT_SSL_VERIFYHOST, 0L);
    }
  }
  ~CurlPost() override {
    curl_easy_cleanup(curl_);
    curl_slist_free_all(headers_);
  }
  CurlPost(const CurlPost&) = delete;
  CurlPost& operator=(const CurlPost&) = delete;

  PostAnswer Send(const std::string& body) override {
    PostAnswer answer;
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &answer.text);
    const CURLcode code = curl_easy_perform(curl_);
    if (code != CURLE_OK) {
      answer.text = curl_easy_strerror(code);
      return answer;
    }
    long status = 0;
    curl_off_t retry_after = 0;
    curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl_, CURLINFO_RETRY_AFTER, &retry_after);
    answer.status = static_cast<int>(status);
    answer.retry_after_s = retry_after;
    return answer;
  }
  void Abort() override { aborted_ = true; }

 private:
  CURL* const curl_;
  curl_slist* headers_ = nullptr;
  std::atomic<bool> aborted_{false};
};

}  // namespace

std::unique_ptr<Post> MakePost(const ForwardOptions& options) {
  return std::make_unique<CurlPost>(options);
}

}  // namespace opssight
