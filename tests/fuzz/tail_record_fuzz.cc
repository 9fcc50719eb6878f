// Any bytes as a CRI and as a Docker record: no crash, the same answer twice, and no
// Docker record that is still one with its last byte cut off (its '}' ends it).
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/tail/cri.h"
#include "agent/tail/docker_json.h"
#include "common/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  if (const auto cri = opssight::ParseCriRecord(line)) {
    OPS_CHECK(line.ends_with(cri->text), "text is not the end of the line");
  }
  std::string scratch;
  std::string other;
  const auto docker = opssight::ParseDockerRecord(line, scratch);
  const auto general = opssight::ParseDockerRecordAnyOrder(line, other);
  OPS_CHECK(docker.has_value() == general.has_value(), "two answers for one line");
  if (docker && general) {
    OPS_CHECK(docker->text == general->text && docker->time_ns == general->time_ns, "two texts");
  }
  if (docker && line.ends_with('}')) {
    OPS_CHECK(!opssight::ParseDockerRecord(line.substr(0, size - 1), scratch),
              "a cut record was taken");
  }
  return 0;
}
