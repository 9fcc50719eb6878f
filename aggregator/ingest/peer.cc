#include "aggregator/ingest/peer.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "common/pki/pki.h"

namespace opssight {
namespace {

// 8-4-4-4-12 hexadecimal digits.
bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

}  // namespace

SessionPeer JudgePeer(std::string address, std::string_view certificate_der,
                      std::string_view verify_error, std::int64_t now_s) {
  SessionPeer peer{.address = std::move(address)};
  if (certificate_der.empty()) {
    peer.why = "no client certificate was shown";
    return peer;
  }
  peer.certificate = SessionPeer::Certificate::kUnverified;
  const Result<CertificateInfo> info = ReadCertificate(certificate_der);
  if (!info) {
    peer.why = info.error().message;
    return peer;
  }
  peer.serial = info->serial;
  if (!verify_error.empty()) {
    const bool out_of_dates = now_s > info->validity.to_s || now_s < info->validity.from_s;
    if (out_of_dates) peer.certificate = SessionPeer::Certificate::kExpired;
    peer.why = verify_error;
    return peer;
  }
  for (const std::string& uri : info->uri) {
    if (!uri.starts_with(kAgentUri)) continue;
    const std::string_view id = std::string_view(uri).substr(kAgentUri.size());
    if (!IsUuid(id)) continue;
    peer.certificate = SessionPeer::Certificate::kVerified;
    peer.agent_id = id;
    return peer;
  }
  peer.why = fmt::format("certificate of \"{}\" is not an agent's", info->common_name);
  return peer;
}

}  // namespace opssight
