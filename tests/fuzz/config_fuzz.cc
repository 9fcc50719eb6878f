// Any text as a configuration file is read or refused with problems, and what was
// read is printed such that it reads back the same. Two files: cut at the first 0xff.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/config/print.h"
#include "tests/common/config/sample.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace opssight;  // NOLINT(google-build-using-namespace)
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = text.find('\xff');
  ConfigSources sources;
  sources.files.push_back({.path = "a", .text = std::string(text.substr(0, cut))});
  if (cut != std::string_view::npos) {
    sources.files.push_back({.path = "b", .text = std::string(text.substr(cut + 1))});
  }
  const auto loaded = LoadConfig(sample::Table(), sources, nullptr);
  (void)loaded.problems.ToString();
  const std::string printed = PrintConfig(sample::Table(), loaded.options, loaded.origins);
  if (!loaded.ok() || !loaded.options.password.empty()) return 0;  // A secret does not read back.
  ConfigSources again;
  again.files.push_back({.path = "printed", .text = printed});
  const auto reloaded = LoadConfig(sample::Table(), again, nullptr);
  const bool same =
      reloaded.ok() && DiffConfig(sample::Table(), loaded.options, reloaded.options).empty();
  if (!same) std::abort();
  return 0;
}
