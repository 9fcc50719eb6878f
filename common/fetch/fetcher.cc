#include "common/fetch/fetcher.h"

#include <algorithm>

#include <fmt/core.h>
#include <uv.h>

#include "common/base/check.h"
#include "common/base/files.h"
#include "common/fetch/curl_library.h"

namespace opssight {
namespace {

constexpr long kRedirectsMax = 10;
constexpr long kConnectionsKept = 200;
constexpr std::size_t kSecretBytesMax = 64UL << 10;

Result<std::string> TextOrFile(const std::string& text, const std::string& path) {
  if (path.empty()) return text;
  OPS_TRY(std::string read, ReadFile(path, kSecretBytesMax));
  while (!read.empty() && (read.back() == '\n' || read.back() == '\r' || read.back() == ' ')) {
    read.pop_back();
  }
  return read;
}

// libcurl's numbers of a version as the least and as the most.
long TlsVersion(const std::string& name, bool most) {
  struct Version {
    std::string_view name;
    long least;
    long most;
  };
  static constexpr Version kVersions[] = {
      {"TLS10", CURL_SSLVERSION_TLSv1_0, CURL_SSLVERSION_MAX_TLSv1_0},
      {"TLS11", CURL_SSLVERSION_TLSv1_1, CURL_SSLVERSION_MAX_TLSv1_1},
      {"TLS12", CURL_SSLVERSION_TLSv1_2, CURL_SSLVERSION_MAX_TLSv1_2},
      {"TLS13", CURL_SSLVERSION_TLSv1_3, CURL_SSLVERSION_MAX_TLSv1_3},
  };
  for (const Version& version : kVersions) {
    if (version.name == name) return most ? version.most : version.least;
  }
  return most ? static_cast<long>(CURL_SSLVERSION_MAX_DEFAULT)
              : static_cast<long>(CURL_SSLVERSION_DEFAULT);
}

// A server_name in the place of the host, so that SNI and the certificate are of it; the
// connection and the header Host stay with the one asked.
struct Renamed {
  std::string url;
  std::string connect_to;
  std::string host_header;
};
Renamed WithServerName(const std::string& url, const std::string& name) {
  const std::size_t start = url.find("://");
  const std::size_t from = start == std::string::npos ? 0 : start + 3;
  const std::size_t to = std::min(url.find_first_of("/?#", from), url.size());
  const std::string authority = url.substr(from, to - from);
  const std::size_t colon = authority.rfind(':');
  const bool has_port =
      colon != std::string::npos && authority.find(']', colon) == std::string::npos;
  const std::string host = has_port ? authority.substr(0, colon) : authority;
  const std::string port = has_port ? authority.substr(colon) : ":443";
  return {.url = url.substr(0, from) + name + port + url.substr(to),
          .connect_to = name + port + ":" + host + port,
          .host_header = "Host: " + authority};
}

}  // namespace

struct Fetcher::Transfer {
  explicit Transfer(Fetcher& owner) : fetcher(&owner), curl(*owner.curl_) {}

  Fetcher* fetcher;
  const CurlLibrary& curl;
  Id id = 0;
  FetchRequest request;
  Done done;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  curl_slist* connect_to = nullptr;
  std::string body;
  bool over = false;  // The body is over its limit.
  char error[CURL_ERROR_SIZE] = {};

  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer() {
    if (easy != nullptr) {
      curl.multi_remove_handle(static_cast<CURLM*>(fetcher->multi_), easy);
      curl.easy_cleanup(easy);
    }
    curl.slist_free_all(headers);
    curl.slist_free_all(connect_to);
  }
  template <class T>
  void Set(CURLoption option, T value) {
    curl.easy_setopt(easy, option, value);
  }
  void AddHeader(const std::string& line) { headers = curl.slist_append(headers, line.c_str()); }
};

// A socket of libcurl's on the loop; deletes itself once libuv has let go of it.
struct Fetcher::Poll {
  uv_poll_t handle{};
  Fetcher* fetcher = nullptr;
  curl_socket_t socket = 0;
};

struct Fetcher::Calls {
  static int OnSocket(CURL*, curl_socket_t socket, int what, void* user, void* known) {
    auto* fetcher = static_cast<Fetcher*>(user);
    auto* multi = static_cast<CURLM*>(fetcher->multi_);
    auto* poll = static_cast<Poll*>(known);
    if (what == CURL_POLL_REMOVE) {
      if (poll == nullptr) return 0;
      uv_poll_stop(&poll->handle);
      fetcher->curl_->multi_assign(multi, socket, nullptr);
      uv_close(reinterpret_cast<uv_handle_t*>(&poll->handle),
               [](uv_handle_t* handle) { delete static_cast<Poll*>(handle->data); });
      return 0;
    }
    if (poll == nullptr) {
      poll = new Poll;
      poll->fetcher = fetcher;
      poll->socket = socket;
      fetcher->loop_.AssertHere();
      if (uv_poll_init_socket(fetcher->loop_.handle(), &poll->handle, socket) != 0) {
        delete poll;
        return -1;
      }
      poll->handle.data = poll;
      fetcher->curl_->multi_assign(multi, socket, poll);
    }
    const int events = ((what & CURL_POLL_IN) != 0 ? UV_READABLE : 0) |
                       ((what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0);
    return uv_poll_start(&poll->handle, events, [](uv_poll_t* handle, int status, int ready) {
      auto* self = static_cast<Poll*>(handle->data);
      int flags = status < 0 ? CURL_CSELECT_ERR : 0;
      if ((ready & UV_READABLE) != 0) flags |= CURL_CSELECT_IN;
      if ((ready & UV_WRITABLE) != 0) flags |= CURL_CSELECT_OUT;
      self->fetcher->Act(self->socket, flags);
    });
  }

  static int OnTimer(CURLM*, long wait_ms, void* user) {
    auto* fetcher = static_cast<Fetcher*>(user);
    if (wait_ms < 0) {
      fetcher->timer_.Stop();
    } else {
      fetcher->timer_.Start(wait_ms, 0, [fetcher] { fetcher->Act(CURL_SOCKET_TIMEOUT, 0); });
    }
    return 0;
  }

  static std::size_t OnBody(char* bytes, std::size_t, std::size_t size, void* user) {
    auto* transfer = static_cast<Transfer*>(user);
    transfer->over =
        transfer->over || size > transfer->request.body_bytes_max - transfer->body.size();
    if (transfer->over) return 0;
    transfer->body.append(bytes, size);
    return size;
  }
};

Fetcher::Fetcher(Loop& loop) : loop_(loop), timer_(loop) {}

Fetcher::~Fetcher() {
  running_.clear();
  if (multi_ != nullptr) curl_->multi_cleanup(static_cast<CURLM*>(multi_));
  timer_.Stop();
}

Status Fetcher::GetReady() {
  if (multi_ != nullptr) return {};
  OPS_TRY(curl_, LoadCurl());
  CURLM* multi = curl_->multi_init();
  if (multi == nullptr) return Unavailable("libcurl gives no handle");
  multi_ = multi;
  curl_->multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &Calls::OnSocket);
  curl_->multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
  curl_->multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &Calls::OnTimer);
  curl_->multi_setopt(multi, CURLMOPT_TIMERDATA, this);
  curl_->multi_setopt(multi, CURLMOPT_MAXCONNECTS, kConnectionsKept);
  return {};
}

Status Fetcher::Configure(Transfer& t) {
  const HttpOptions& http = t.request.http;
  std::string url = t.request.url;
  if (!http.tls.server_name.empty() && url.starts_with("https:")) {
    const Renamed renamed = WithServerName(url, http.tls.server_name);
    url = renamed.url;
    t.connect_to = t.curl.slist_append(nullptr, renamed.connect_to.c_str());
    t.Set(CURLOPT_CONNECT_TO, t.connect_to);
    t.AddHeader(renamed.host_header);
  }
  t.Set(CURLOPT_URL, url.c_str());
  t.Set(CURLOPT_PROTOCOLS_STR, "http,https");
  t.Set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  t.Set(CURLOPT_NOSIGNAL, 1L);
  t.Set(CURLOPT_QUICK_EXIT, 1L);  // Else the end waits on the loop for the thread's look-up.
  t.Set(CURLOPT_PRIVATE, &t);
  t.Set(CURLOPT_ERRORBUFFER, t.error);
  t.Set(CURLOPT_WRITEFUNCTION, &Calls::OnBody);
  t.Set(CURLOPT_WRITEDATA, &t);
  t.Set(CURLOPT_TIMEOUT_MS, static_cast<long>(t.request.timeout_ms));
  t.Set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(t.request.timeout_ms));
  t.Set(CURLOPT_FOLLOWLOCATION, http.follow_redirects ? 1L : 0L);
  t.Set(CURLOPT_MAXREDIRS, kRedirectsMax);
  t.Set(CURLOPT_HTTP_VERSION,
        static_cast<long>(http.enable_http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
  if (t.request.compression) t.Set(CURLOPT_ACCEPT_ENCODING, "gzip");
  if (!t.request.unix_socket.empty()) {
    t.Set(CURLOPT_UNIX_SOCKET_PATH, t.request.unix_socket.c_str());
  }
  // Of the environment no proxy is taken: what is not in the settings is not done.
  t.Set(CURLOPT_PROXY, http.proxy_url.c_str());
  if (!http.no_proxy.empty()) t.Set(CURLOPT_NOPROXY, http.no_proxy.c_str());

  const TlsClient& tls = http.tls;
  t.Set(CURLOPT_SSLVERSION, TlsVersion(tls.min_version, false) | TlsVersion(tls.max_version, true));
  if (tls.insecure_skip_verify) {
    t.Set(CURLOPT_SSL_VERIFYPEER, 0L);
    t.Set(CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (!tls.ca_file.empty()) t.Set(CURLOPT_CAINFO, tls.ca_file.c_str());
  if (!tls.ca.empty()) {
    curl_blob blob{
        .data = const_cast<char*>(tls.ca.data()), .len = tls.ca.size(), .flags = CURL_BLOB_COPY};
    t.Set(CURLOPT_CAINFO_BLOB, &blob);
  }
  if (!tls.cert_file.empty()) t.Set(CURLOPT_SSLCERT, tls.cert_file.c_str());
  if (!tls.key_file.empty()) t.Set(CURLOPT_SSLKEY, tls.key_file.c_str());

  const BasicAuth& basic = http.basic_auth;
  OPS_TRY(const std::string user, TextOrFile(basic.username, basic.username_file));
  OPS_TRY(const std::string password, TextOrFile(basic.password, basic.password_file));
  if (!user.empty() || !password.empty()) {
    t.Set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    t.Set(CURLOPT_USERNAME, user.c_str());
    t.Set(CURLOPT_PASSWORD, password.c_str());
  }
  OPS_TRY(const std::string credentials,
          TextOrFile(http.authorization.credentials, http.authorization.credentials_file));
  OPS_TRY(const std::string bearer, TextOrFile(http.bearer_token, http.bearer_token_file));
  if (!credentials.empty()) {
    t.AddHeader("Authorization: " + http.authorization.type + " " + credentials);
  } else if (!bearer.empty()) {
    t.AddHeader("Authorization: Bearer " + bearer);
  }
  for (const auto& [name, value] : t.request.headers) t.AddHeader(name + ": " + value);
  for (const auto& [name, header] : http.headers) {
    for (const std::string& value : header.values) t.AddHeader(name + ": " + value);
    for (const std::string& value : header.secrets) t.AddHeader(name + ": " + value);
  }
  t.Set(CURLOPT_HTTPHEADER, t.headers);
  return {};
}

Result<Fetcher::Id> Fetcher::Start(FetchRequest request, Done done) {
  OPS_RETURN_IF_ERROR(GetReady());
  auto transfer = std::make_unique<Transfer>(*this);
  transfer->id = next_id_++;
  transfer->request = std::move(request);
  transfer->done = std::move(done);
  transfer->easy = curl_->easy_init();
  if (transfer->easy == nullptr) return Unavailable("libcurl gives no handle");
  OPS_RETURN_IF_ERROR(Configure(*transfer));
  const CURLMcode added = curl_->multi_add_handle(static_cast<CURLM*>(multi_), transfer->easy);
  if (added != CURLM_OK) return Internal(curl_->multi_strerror(added));
  const Id id = transfer->id;
  running_.emplace(id, std::move(transfer));
  return id;
}

void Fetcher::Cancel(Id id) {
  running_.erase(id);
}

void Fetcher::Act(int socket, int events) {
  int still = 0;
  curl_->multi_socket_action(static_cast<CURLM*>(multi_), socket, events, &still);
  TakeDone();
}

void Fetcher::TakeDone() {
  int left = 0;
  while (CURLMsg* message = curl_->multi_info_read(static_cast<CURLM*>(multi_), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    Transfer* found = nullptr;
    curl_->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &found);
    const CURLcode code = message->data.result;  // message goes with the handle.
    const auto node = running_.extract(found->id);
    Transfer& transfer = *node.mapped();
    FetchResult result = FetchAnswer{};
    if (transfer.over) {
      result = Exhausted(fmt::format("the body is over {} bytes", transfer.request.body_bytes_max));
    } else if (code != CURLE_OK) {
      const char* why = transfer.error[0] != '\0' ? transfer.error : curl_->easy_strerror(code);
      // Its own words name the URL's host and port, which nobody asked.
      const bool no_socket = code == CURLE_COULDNT_CONNECT && !transfer.request.unix_socket.empty();
      result = no_socket ? Unavailable("cannot connect to " + transfer.request.unix_socket)
                         : Unavailable(why);
    } else {
      long status = 0;
      const char* type = nullptr;
      curl_->easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
      curl_->easy_getinfo(transfer.easy, CURLINFO_CONTENT_TYPE, &type);
      result->status = static_cast<int>(status);
      result->content_type = type == nullptr ? "" : type;
      result->body = std::move(transfer.body);
    }
    const Done done = std::move(transfer.done);
    done(std::move(result));
  }
}

}  // namespace opssight
