// How to reach an HTTP server, in Prometheus' words (http_config): credentials, TLS,
// proxy, headers. Part of each scrape job; of all that asks somebody over HTTP.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/config/table.h"

namespace opssight {

struct BasicAuth {
  std::string username;
  std::string username_file;
  std::string password;
  std::string password_file;
};

struct Authorization {
  std::string type = "Bearer";
  std::string credentials;
  std::string credentials_file;
};

struct TlsClient {
  std::string ca;  // PEM.
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  std::string server_name;  // "": the host of the URL.
  bool insecure_skip_verify = false;
  std::string min_version;  // "TLS10" to "TLS13"; "": the library's.
  std::string max_version;
};

struct HttpHeader {
  std::vector<std::string> values;
  std::vector<std::string> secrets;
};

struct HttpOptions {
  BasicAuth basic_auth;
  Authorization authorization;
  std::string bearer_token;  // Old form of authorization.
  std::string bearer_token_file;
  bool follow_redirects = true;
  bool enable_http2 = true;
  TlsClient tls;
  std::string proxy_url;
  std::string no_proxy;
  std::map<std::string, HttpHeader> headers;
};

const OptionTable<HttpOptions>& HttpTable();

// Relative files that options name are below folder ("": the working folder).
void PutFilesBelow(const std::string& folder, HttpOptions& options);

}  // namespace opssight
