// Any bytes are a wal entry, an agent's runs or a gap record, or refused; what is
// accepted comes back the same from its encoder. Checksums are also set right, so that
// what lies behind them is reached.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "aggregator/store/gaps/gap_record.h"
#include "aggregator/store/runs.h"
#include "aggregator/store/wal_entry.h"
#include "common/bytes/endian.h"
#include "common/bytes/hash.h"

namespace opssight {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void TryEntry(std::string_view bytes) {
  const auto entry = DecodeWalEntry(bytes);
  if (!entry) return;
  (void)entry->FrameIntact();
  std::string back;
  EncodeWalEntry(entry->agent_id, entry->epoch, entry->seq, entry->frame_hash, entry->frame, &back);
  Require(back == bytes);
}

// As though the header's checksum were right.
void TryEntryBehindChecksum(std::string_view bytes) {
  constexpr std::size_t kFixed = 25;
  if (bytes.size() < kFixed) return;
  const std::size_t header = kFixed + static_cast<std::uint8_t>(bytes[kFixed - 1]);
  std::string entry;
  PutLe(entry, Hash64(bytes.substr(0, header)));
  entry += bytes;
  const auto decoded = DecodeWalEntry(entry);
  Require(decoded.has_value() == (bytes.size() >= header));
  TryEntry(entry);
}

void TryRuns(std::string_view bytes) {
  auto runs = RunSet::Decode(bytes);
  if (!runs) return;
  Require(runs->Encode() == bytes);
  for (const CommittedRun& run : runs->runs()) {
    RunSet copy = *runs;
    const auto verdict = copy.Accept(run.last, run.last_hash).verdict;
    Require(verdict == RunSet::Verdict::kDuplicate && copy.runs() == runs->runs());
  }
}

void TryGap(std::string_view bytes) {
  std::string record;
  PutLe(record, Hash64(bytes));
  record += bytes;
  const auto gap = DecodeGap(record);
  if (!gap) return;
  const auto again = DecodeGap(EncodeGap(*gap));
  Require(again.has_value() && again->from_ns == gap->from_ns && again->count == gap->count);
}

}  // namespace
}  // namespace opssight

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  opssight::TryEntry(bytes);
  opssight::TryEntryBehindChecksum(bytes);
  opssight::TryRuns(bytes);
  opssight::TryGap(bytes);
  return 0;
}
