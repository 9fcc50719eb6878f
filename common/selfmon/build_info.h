// Which build this is: for --version, /api/v1/status/buildinfo and
// opssight_build_info{version,revision,compiler} = 1.
#pragma once

#include <string>

#include "common/selfmon/registry.h"

namespace opssight {

struct BuildInfo {
  std::string version;   // The project's, "0.1.0".
  std::string revision;  // git describe when CMake configured, or "unknown".
  std::string compiler;  // "g++ 12.2.0".
};

const BuildInfo& ThisBuild();
void AddBuildInfo(Registry& registry);

}  // namespace opssight
