// A made-up program's settings with one of each kind, for the tests and the fuzzer.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/config/table.h"

namespace opssight::sample {

enum class Mode : std::uint8_t { kFast, kSafe };

struct SpoolOptions {
  std::size_t bytes_max = 1UL << 30;
  std::int64_t sync_ms = 20;
};

struct ProbeOptions {
  std::string name;
  std::string url;
  std::int64_t every_ns = 30'000'000'000;
  bool operator==(const ProbeOptions&) const = default;
};

struct Options {
  std::string host;
  bool verbose = false;
  int workers = 2;
  double ratio = 0.5;
  Mode mode = Mode::kSafe;
  std::string listen = "127.0.0.1:9090";
  std::string password;
  std::vector<std::string> paths = {"/var/log"};
  std::vector<std::uint16_t> ports;
  std::map<std::string, std::string> labels;
  SpoolOptions spool;
  std::vector<ProbeOptions> probes;
  std::map<std::string, SpoolOptions> spools;
  std::int64_t retention_ms = 7LL * 86'400'000;
};

inline const OptionTable<SpoolOptions>& SpoolTable() {
  static const OptionTable<SpoolOptions> table{
      setting::Size("bytes_max", &SpoolOptions::bytes_max, "Most bytes kept on disk.")
          .Min(1 << 20)
          .Max(1e15),
      setting::Duration("sync", &SpoolOptions::sync_ms, TimeUnit::kMs, "How long to wait for more.")
          .Live(),
  };
  return table;
}

inline const OptionTable<ProbeOptions>& ProbeTable() {
  static const OptionTable<ProbeOptions> table{
      setting::Value("name", &ProbeOptions::name, "What to call it.").Required(),
      {"url", &ProbeOptions::url, "What to ask."},
      setting::Duration("every", &ProbeOptions::every_ns, TimeUnit::kNs, "How often.").Min(1e9),
  };
  return table;
}

inline const OptionTable<Options>& Table() {
  static const OptionTable<Options> table =
      OptionTable<Options>{
          {"host", &Options::host, "Name of this host."},
          {"verbose", &Options::verbose, "Say more."},
          setting::Value("workers", &Options::workers, "Threads.").Min(1).Max(64),
          setting::Value("ratio", &Options::ratio, "A share.").Min(0).Max(1).Live(),
          setting::Enum("mode", &Options::mode, {{"fast", Mode::kFast}, {"safe", Mode::kSafe}},
                        "How."),
          setting::AddressOrOff("http.listen", &Options::listen, "Where to listen."),
          setting::Value("http.password", &Options::password, "Who may come in.")
              .Secret()
              .Env("SAMPLE_PASSWORD"),
          {"paths", &Options::paths, "What to read."},
          {"ports", &Options::ports, "Other ports."},
          {"labels", &Options::labels, "Labels of everything."},
          setting::Section("spool", &Options::spool, SpoolTable(), "The queue on disk."),
          setting::Items("probes", &Options::probes, ProbeTable(), "What to probe."),
          setting::ItemMap("spools", &Options::spools, SpoolTable(), "Further queues."),
          setting::Duration("retention", &Options::retention_ms, TimeUnit::kMs, "How long to keep.")
              .Env("SAMPLE_RETENTION"),
      }
          .With([](const Options& options, const ConfigReport& report) {
            if (options.verbose && options.mode == Mode::kFast) {
              report("verbose", "does not go with mode fast");
            }
          });
  return table;
}

}  // namespace opssight::sample
