// libcurl, loaded when something is first to be fetched: it brings some thirty libraries
// (LDAP, Kerberos, GnuTLS, …) and 4 MB resident, which an agent that scrapes nothing
// should not carry. Internal to this folder. Any thread.
#pragma once

#include <curl/curl.h>

#include "common/base/result.h"

namespace opssight {

struct CurlLibrary {
  decltype(&curl_global_init) global_init;
  decltype(&curl_easy_init) easy_init;
  decltype(&curl_easy_cleanup) easy_cleanup;
  decltype(&curl_easy_setopt) easy_setopt;
  decltype(&curl_easy_getinfo) easy_getinfo;
  decltype(&curl_easy_strerror) easy_strerror;
  decltype(&curl_multi_init) multi_init;
  decltype(&curl_multi_cleanup) multi_cleanup;
  decltype(&curl_multi_setopt) multi_setopt;
  decltype(&curl_multi_assign) multi_assign;
  decltype(&curl_multi_add_handle) multi_add_handle;
  decltype(&curl_multi_remove_handle) multi_remove_handle;
  decltype(&curl_multi_socket_action) multi_socket_action;
  decltype(&curl_multi_info_read) multi_info_read;
  decltype(&curl_multi_strerror) multi_strerror;
  decltype(&curl_slist_append) slist_append;
  decltype(&curl_slist_free_all) slist_free_all;
};

// Loads and initialises it at the first call; stays loaded. kUnavailable: it is not
// installed, or too old; the answer stays the same until the program starts again.
Result<const CurlLibrary*> LoadCurl();

}  // namespace opssight
