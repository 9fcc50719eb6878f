// Any bytes as a CRI and as a Docker record: no crash, the same answer twice, and no
// Docker record that is still one with its last byte cut off (its '}' ends it).
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/tail/cri.h"
#include "agent/tail/docker_json.h"
#include "common/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  if (const auto cri = opssight::ParseCriRecord(line)) {
    OPS_CHECK(line.ends_with(cri->text), "text is not the end of the line");
  }
  const auto docker = opssight::ParseDockerRecord(line);
  if (docker && line.ends_with('}')) {
    const auto again = opssight::ParseDockerRecord(line);
    OPS_CHECK(again && again->text == docker->text, "two answers for one line");
    OPS_CHECK(!opssight::ParseDockerRecord(line.substr(0, size - 1)), "a cut record was taken");
  }
  return 0;
}
