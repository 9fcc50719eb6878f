#include "common/fetch/curl_library.h"

#include <dlfcn.h>
#include <string>

namespace opssight {
namespace {

constexpr const char* kFile = "libcurl.so.4";

template <class Function>
bool Find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

bool FindAll(void* library, CurlLibrary& curl) {
  return Find(library, "curl_global_init", curl.global_init) &&
         Find(library, "curl_easy_init", curl.easy_init) &&
         Find(library, "curl_easy_cleanup", curl.easy_cleanup) &&
         Find(library, "curl_easy_setopt", curl.easy_setopt) &&
         Find(library, "curl_easy_getinfo", curl.easy_getinfo) &&
         Find(library, "curl_easy_strerror", curl.easy_strerror) &&
         Find(library, "curl_multi_init", curl.multi_init) &&
         Find(library, "curl_multi_cleanup", curl.multi_cleanup) &&
         Find(library, "curl_multi_setopt", curl.multi_setopt) &&
         Find(library, "curl_multi_assign", curl.multi_assign) &&
         Find(library, "curl_multi_add_handle", curl.multi_add_handle) &&
         Find(library, "curl_multi_remove_handle", curl.multi_remove_handle) &&
         Find(library, "curl_multi_socket_action", curl.multi_socket_action) &&
         Find(library, "curl_multi_info_read", curl.multi_info_read) &&
         Find(library, "curl_multi_strerror", curl.multi_strerror) &&
         Find(library, "curl_slist_append", curl.slist_append) &&
         Find(library, "curl_slist_free_all", curl.slist_free_all);
}

Result<CurlLibrary> Load() {
  // Never closed: its threads and OpenSSL's hooks may outlive any use of it.
  void* const library = dlopen(kFile, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return Unavailable(std::string("load libcurl: ") + dlerror());
  CurlLibrary curl{};
  if (!FindAll(library, curl)) return Unavailable(std::string("load libcurl: ") + dlerror());
  if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return Unavailable("libcurl does not start");
  }
  return curl;
}

}  // namespace

Result<const CurlLibrary*> LoadCurl() {
  static const Result<CurlLibrary> loaded = Load();
  if (!loaded) return loaded.error();
  return &*loaded;
}

}  // namespace opssight
