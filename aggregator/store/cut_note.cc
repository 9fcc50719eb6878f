#include "aggregator/store/cut_note.h"

#include "common/bytes/endian.h"

namespace opssight {
namespace {

constexpr const char* kTable = "store";
constexpr const char* kKey = "cut";

}  // namespace

Result<MetaTable> OpenCutNotes(std::shared_ptr<GuardedEnv> meta) {
  return MetaTable::Open(std::move(meta), kTable);
}

Status WriteCutNote(MetaTable& table, const CutNote& note) {
  std::string value;
  PutLe(value, note.cut);
  PutLe(value, note.wall_ms);
  return table.Put(kKey, value);
}

Result<CutNote> ReadCutNote(const MetaTable& table) {
  OPS_TRY(const auto value, table.Get(kKey));
  if (!value) return CutNote{};
  std::string_view bytes = *value;
  const auto cut = GetLe<WalPosition>(bytes);
  const auto wall_ms = GetLe<std::int64_t>(bytes);
  if (!cut || !wall_ms) return Corrupt("meta: the note of the last flush is cut short");
  return CutNote{.cut = *cut, .wall_ms = *wall_ms};
}

}  // namespace opssight
