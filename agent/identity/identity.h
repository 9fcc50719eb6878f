// Who this agent is: its key, its certificate and the CA it trusts, in one file
// (0600) that is replaced whole, so a crash during enrolment or renewal leaves the
// old identity or the new one:
//
//   <dir>/identity.pem    "# aggregator <host:port>", then as PEM: private key,
//                         certificate, CA
//   <dir>/enrol.key       the key of an enrolment that was begun; used again when it
//                         is repeated, so that an answer lost on the way costs nothing
//
// Any thread; blocking.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/pki/pki.h"

namespace opssight {

struct Identity {
  std::string aggregator;  // "host:port" it was enrolled with.
  std::string key_pem;
  std::string certificate_pem;
  std::string ca_pem;
  CertificateInfo info;  // Of the certificate: agent id (common_name), validity.
};

// kNotFound: not enrolled; the message says how to.
Result<Identity> LoadIdentity(const std::string& dir);
// info is read from the certificate; kInvalid where key and certificate do not match.
Status SaveIdentity(const std::string& dir, const Identity& identity);

// The key to enrol with: that of the enrolment begun last, or a new one.
Result<std::string> EnrolmentKey(const std::string& dir);

// When to ask for the next certificate: at two thirds of its life, and up to a tenth
// of it later by chance (0 <= chance < 1), so that hosts enrolled together spread.
std::int64_t RenewAtS(const Validity& validity, double chance);

// 16 bytes that tell this machine from a copy of it: a digest of /etc/machine-id
// (machine-id(5)), so the id itself, which is a secret of the host, is not sent.
// kInvalid for a text that is no machine id ("uninitialized", empty).
Result<std::string> MachineFingerprint(std::string_view machine_id);

// The fingerprint of the machine whose / is at host_root. A machine without an id (a
// container, an image that was never booted) gets one in <dir>/machine-id; copies of dir
// are then told apart only by what they send.
Result<std::string> ThisMachine(const std::string& host_root, const std::string& dir);

}  // namespace opssight
