// What a metrics day says of itself once it was sealed ("OMD1", README.md): up to which
// cut its blocks are merged, and which jobs were done on it. It stands in the day's own
// file, so that a copy of the file, and a crash, keep it true. Pure; any bytes are read or
// refused as kCorrupt.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "aggregator/store/signal_store.h"
#include "common/base/result.h"

namespace opssight {

struct SealRecord {
  WalPosition merged = 0;         // Blocks up to this cut are the merged ones. 0: none are.
  WalPosition done = 0;           // Up to this cut all jobs were done.
  std::int64_t done_ms = 0;       // When, by the wall clock.
  std::uint64_t generation = 0;   // How often blocks were merged.
  std::uint64_t series = 0;       // With something in the merged blocks.
  std::uint64_t samples = 0;      // In them, of floats.
  std::uint64_t histograms = 0;   // In them.
  std::set<std::uint64_t> rules;  // Rules of retention that were applied (their ids).
  std::map<std::string, WalPosition, std::less<>> jobs;  // Up to which cut each was done.
};

std::string EncodeSealRecord(const SealRecord& record);
Result<SealRecord> DecodeSealRecord(std::string_view bytes);

}  // namespace opssight
