// The aggregator's own CA and server certificate as files of its data folder:
//
//   <dir>/ca.key ca.pem            made once, for ca_days
//   <dir>/server.key server.pem    made anew when it is about to expire, when the names
//                                  change, or when it is not of this CA
//
// Keys are 0600. Files are written beside their place and renamed, so a crash leaves
// the old or the new one. An operator's own CA is used by putting its files there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/pki/pki.h"

namespace opssight {

struct CaOptions {
  std::int64_t ca_days = 3650;
  std::int64_t server_days = 365;
};

Result<KeyAndCertificate> LoadOrMakeCa(const std::string& dir, const CaOptions& options,
                                       std::int64_t now_s);

// names: DNS names and IP literals under which agents reach this aggregator.
Result<KeyAndCertificate> LoadOrMakeServerCertificate(const std::string& dir,
                                                      const KeyAndCertificate& ca,
                                                      const std::vector<std::string>& names,
                                                      const CaOptions& options, std::int64_t now_s);

}  // namespace opssight
