#include "common/http/message.h"

namespace opssight {

std::string_view HttpRequest::Header(std::string_view lower_name) const {
  return FindHeader(headers, lower_name);
}

std::string_view HttpRequest::Param(std::string_view name) const {
  for (const auto& param : params) {
    if (param.first == name) return param.second;
  }
  return {};
}

bool HttpRequest::HasParam(std::string_view name) const {
  for (const auto& param : params) {
    if (param.first == name) return true;
  }
  return false;
}

}  // namespace opssight
