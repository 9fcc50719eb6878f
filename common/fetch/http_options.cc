#include "common/fetch/http_options.h"

#include <algorithm>
#include <array>

#include "common/base/files.h"

namespace opssight {
namespace {

const OptionTable<BasicAuth>& BasicAuthTable() {
  static const OptionTable<BasicAuth> table{
      {"username", &BasicAuth::username, "Of HTTP basic authentication."},
      {"username_file", &BasicAuth::username_file, "A file that holds it; read for each request."},
      setting::Value("password", &BasicAuth::password, "Its password.").Secret(),
      {"password_file", &BasicAuth::password_file, "A file that holds it; read for each request."},
  };
  return table;
}

const OptionTable<Authorization>& AuthorizationTable() {
  static const OptionTable<Authorization> table{
      {"type", &Authorization::type, "First word of the header Authorization."},
      setting::Value("credentials", &Authorization::credentials, "The rest of it.").Secret(),
      {"credentials_file", &Authorization::credentials_file,
       "A file that holds it; read for each request."},
  };
  return table;
}

bool IsTlsVersion(const std::string& text) {
  constexpr std::array<std::string_view, 5> kVersions = {"", "TLS10", "TLS11", "TLS12", "TLS13"};
  return std::find(kVersions.begin(), kVersions.end(), text) != kVersions.end();
}

const OptionTable<TlsClient>& TlsClientTable() {
  static const auto table =
      OptionTable<TlsClient>{
          {"ca", &TlsClient::ca, "Certificates (PEM) that are trusted, in place of the system's."},
          {"ca_file", &TlsClient::ca_file, "A file of them."},
          {"cert_file", &TlsClient::cert_file, "Our certificate (PEM)."},
          {"key_file", &TlsClient::key_file, "Its key."},
          {"server_name", &TlsClient::server_name,
           "Name that the server's certificate must have. Empty: the host asked."},
          {"insecure_skip_verify", &TlsClient::insecure_skip_verify,
           "Take any certificate of the server."},
          {"min_version", &TlsClient::min_version, "TLS10, TLS11, TLS12 or TLS13."},
          {"max_version", &TlsClient::max_version, "The same."},
      }
          .Refuse({"cert", "key", "key_ref", "ca_ref", "cert_ref"},
                  "a key of Prometheus that is not supported here; name a file")
          .With([](const TlsClient& tls, const ConfigReport& report) {
            if (!IsTlsVersion(tls.min_version)) report("min_version", "is no version of TLS");
            if (!IsTlsVersion(tls.max_version)) report("max_version", "is no version of TLS");
            if (!tls.ca.empty() && !tls.ca_file.empty()) report("ca_file", "and ca: give one");
            if (tls.cert_file.empty() != tls.key_file.empty()) {
              report("cert_file", "and key_file: give both or none");
            }
          });
  return table;
}

const OptionTable<HttpHeader>& HeaderTable() {
  static const auto table =
      OptionTable<HttpHeader>{
          {"values", &HttpHeader::values, "Values of the header."},
          setting::Value("secrets", &HttpHeader::secrets, "The same, not printed.").Secret(),
      }
          .Refuse({"files"}, "a key of Prometheus that is not supported here");
  return table;
}

void CheckHttp(const HttpOptions& http, const ConfigReport& report) {
  const BasicAuth& basic = http.basic_auth;
  const bool has_basic = !basic.username.empty() || !basic.username_file.empty() ||
                         !basic.password.empty() || !basic.password_file.empty();
  const bool has_authorization =
      !http.authorization.credentials.empty() || !http.authorization.credentials_file.empty();
  const bool has_bearer = !http.bearer_token.empty() || !http.bearer_token_file.empty();
  if (static_cast<int>(has_basic) + static_cast<int>(has_authorization) +
          static_cast<int>(has_bearer) >
      1) {
    report("authorization", "basic_auth, authorization, bearer_token: give at most one");
  }
  if (!basic.username.empty() && !basic.username_file.empty()) {
    report("basic_auth.username_file", "and username: give one");
  }
  if (!basic.password.empty() && !basic.password_file.empty()) {
    report("basic_auth.password_file", "and password: give one");
  }
  const auto broken = [](const std::string& text) {
    return text.find_first_of(std::string("\r\n\0", 3)) != std::string::npos;
  };
  for (const auto& [name, header] : http.headers) {
    bool bad = name.empty() || broken(name) || name.find(':') != std::string::npos;
    for (const std::string& value : header.values) bad = bad || broken(value);
    for (const std::string& value : header.secrets) bad = bad || broken(value);
    if (bad) report("http_headers", "\"" + name + "\" is no header");
  }
}

}  // namespace

const OptionTable<HttpOptions>& HttpTable() {
  static const auto table =
      OptionTable<HttpOptions>{
          setting::Section("basic_auth", &HttpOptions::basic_auth, BasicAuthTable(),
                           "HTTP basic authentication."),
          setting::Section("authorization", &HttpOptions::authorization, AuthorizationTable(),
                           "The header Authorization."),
          setting::Value("bearer_token", &HttpOptions::bearer_token,
                         "Old form of authorization.credentials.")
              .Secret(),
          {"bearer_token_file", &HttpOptions::bearer_token_file,
           "Old form of authorization.credentials_file."},
          {"follow_redirects", &HttpOptions::follow_redirects, "Follow redirects, at most 10."},
          {"enable_http2", &HttpOptions::enable_http2, "Use HTTP/2 over TLS where the server can."},
          setting::Section("tls_config", &HttpOptions::tls, TlsClientTable(), "Of https."),
          {"proxy_url", &HttpOptions::proxy_url, "A proxy to go through."},
          {"no_proxy", &HttpOptions::no_proxy, "Hosts that are asked without it, by commas."},
          setting::ItemMap("http_headers", &HttpOptions::headers, HeaderTable(),
                           "Further headers, by name."),
      }
          .Refuse({"oauth2", "proxy_from_environment", "proxy_connect_header"},
                  "a key of Prometheus that is not supported here")
          .With(
              [](const HttpOptions& http, const ConfigReport& report) { CheckHttp(http, report); });
  return table;
}

void PutFilesBelow(const std::string& folder, HttpOptions& options) {
  for (std::string* path : {&options.basic_auth.username_file, &options.basic_auth.password_file,
                            &options.authorization.credentials_file, &options.bearer_token_file,
                            &options.tls.ca_file, &options.tls.cert_file, &options.tls.key_file}) {
    *path = PathBelow(folder, *path);
  }
}

}  // namespace opssight
