#include "agent/spool/tables.h"

#include "common/bytes/endian.h"
#include "common/bytes/hash.h"

namespace opssight {
namespace {

Result<SpoolTables> OpenTables(WriteTxn& txn) {
  SpoolTables out;
  OPS_TRY(out.batches, txn.OpenTable("batches"));
  OPS_TRY(out.layouts, txn.OpenTable("layouts"));
  OPS_TRY(out.uses, txn.OpenTable("uses"));
  OPS_TRY(out.positions, txn.OpenTable("positions"));
  OPS_TRY(out.state, txn.OpenTable("state"));
  return out;
}

Status FindBatches(const WriteTxn& txn, Table table, SpoolState& state) {
  state.live = state.tombs;
  OPS_TRY(Cursor cursor, txn.OpenCursor(table));
  OPS_TRY(std::optional<KeyValue> at, cursor.First());
  while (at) {
    if (at->first.size() != sizeof(std::uint64_t)) return Corrupt("spool: a key of another width");
    const auto key = LoadBe<std::uint64_t>(at->first.data());
    if (key == 0 || key >= state.numbering.next_key()) {
      return Corrupt("spool: a batch beyond the newest number");
    }
    (state.tombs.Contains(key) ? state.tomb_bytes : state.batch_bytes) += at->second.size();
    state.live.Add(key);
    OPS_TRY(at, cursor.Next());
  }
  return {};
}

Status FindLayouts(const WriteTxn& txn, Table table, SpoolState& state) {
  OPS_TRY(Cursor cursor, txn.OpenCursor(table));
  OPS_TRY(std::optional<KeyValue> at, cursor.First());
  while (at) {
    state.layout_bytes += at->second.size();
    OPS_TRY(at, cursor.Next());
  }
  return {};
}

}  // namespace

std::string SpoolKey(std::uint64_t key) {
  std::string out;
  PutBe(out, key);
  return out;
}

std::string LayoutKey(const LayoutId& id) {
  std::string out;
  PutBe(out, id.high);
  PutBe(out, id.low);
  return out;
}

std::string LayoutValue(std::string_view frame) {
  std::string out;
  PutLe(out, Hash64(frame));
  return out.append(frame);
}

Result<std::string_view> FrameOfLayoutValue(std::string_view value) {
  const auto hash = GetLe<std::uint64_t>(value);
  if (!hash || *hash != Hash64(value)) return Corrupt("spool: a layout fails its checksum");
  return value;
}

Result<LoadedSpool> LoadSpool(Env& env, std::uint64_t inode) {
  LoadedSpool out;
  OPS_TRY(WriteTxn txn, env.BeginWrite());
  OPS_TRY(out.tables, OpenTables(txn));
  OPS_TRY(const std::optional<std::string_view> row, txn.Get(out.tables.state, kStateRow));
  if (row) {
    OPS_TRY(out.state, SpoolState::Decode(*row));
    out.copied = out.state.file_inode != inode;
  }
  OPS_RETURN_IF_ERROR(FindBatches(txn, out.tables.batches, out.state));
  OPS_RETURN_IF_ERROR(FindLayouts(txn, out.tables.layouts, out.state));
  if (!row || out.copied) {
    out.state.file_inode = inode;
    out.state.wants_epoch = true;
    if (out.state.fork_key == 0) out.state.fork_key = out.state.numbering.next_key();
    OPS_RETURN_IF_ERROR(txn.Put(out.tables.state, kStateRow, out.state.Encode()));
  }
  OPS_RETURN_IF_ERROR(txn.Commit());
  return out;
}

}  // namespace opssight
