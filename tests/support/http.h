// HTTP for tests, through libcurl, and waiting for what another process does.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace opssight {

struct HttpAnswer {
  int status = 0;  // 0: no answer; body says why.
  std::string body;
};

HttpAnswer HttpGet(const std::string& url, const std::vector<std::string>& headers = {});
HttpAnswer HttpPost(const std::string& url, const std::string& body,
                    const std::vector<std::string>& headers = {});
// For query strings.
std::string UrlEscape(const std::string& text);

// Asks until it is true (then true) or the time is over (then false).
bool WaitFor(std::chrono::seconds limit, const std::function<bool()>& condition);

}  // namespace opssight
