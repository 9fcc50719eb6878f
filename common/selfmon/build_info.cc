#include "common/selfmon/build_info.h"

namespace opssight {

// OPS_VERSION and OPS_REVISION come from CMakeLists.txt, for this file alone.
const BuildInfo& ThisBuild() {
#ifdef __clang__
  static const BuildInfo build{OPS_VERSION, OPS_REVISION, "clang++ " __clang_version__};
#else
  static const BuildInfo build{OPS_VERSION, OPS_REVISION, "g++ " __VERSION__};
#endif
  return build;
}

void AddBuildInfo(Registry& registry) {
  const BuildInfo& build = ThisBuild();
  registry.AddCallback(
      "opssight_build_info", "1; its labels say which build this is.", MetricType::kGauge,
      [] { return 1.0; },
      {{"version", build.version}, {"revision", build.revision}, {"compiler", build.compiler}});
}

}  // namespace opssight
