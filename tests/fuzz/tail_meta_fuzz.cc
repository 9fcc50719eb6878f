// Any bytes as container metadata: no crash, and a short answer for what was read.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/container/container_meta.h"
#include "common/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  for (const auto& meta : {opssight::ParseDockerConfig(json), opssight::ParseOciConfig(json),
                           opssight::ParseStorageContainers(json, "b")}) {
    if (!meta) continue;
    OPS_CHECK(meta->name.size() <= size && meta->image.size() <= size, "more than was there");
  }
  return 0;
}
