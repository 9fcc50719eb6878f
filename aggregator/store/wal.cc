#include "aggregator/store/wal.h"

#include "aggregator/store/wal_entry.h"
#include "common/bytes/endian.h"

namespace opssight {
namespace {

constexpr const char* kWal = "wal";
constexpr const char* kAgents = "agents";
constexpr const char* kState = "state";
constexpr const char* kLayouts = "layouts";
constexpr const char* kFlushed = "flushed";

std::string KeyOf(const LayoutId& id) {
  std::string key;
  PutBe(key, id.high);
  PutBe(key, id.low);
  return key;
}

Status TrimPiece(WriteTxn& txn, WalPosition cut, std::size_t bytes_max, Wal::Size& size) {
  OPS_TRY(const Table table, txn.OpenTable(kWal));
  OPS_TRY(Cursor cursor, txn.OpenCursor(table));
  OPS_TRY(auto at, cursor.First());
  while (at && size.bytes < bytes_max) {
    std::string_view key = at->first;
    if (const auto position = GetBe<WalPosition>(key); position && *position > cut) break;
    ++size.entries;
    size.bytes += at->second.size();
    OPS_RETURN_IF_ERROR(cursor.Delete());
    OPS_TRY(at, cursor.Next());
  }
  return {};
}

}  // namespace

std::string AgentKey(std::string_view agent_id, std::uint64_t epoch) {
  std::string key(agent_id);
  PutBe(key, epoch);
  return key;
}

Result<std::unique_ptr<Wal>> Wal::Open(const std::string& dir, std::size_t map_bytes,
                                       std::int64_t now_ms, StoreStats& stats,
                                       std::string* set_aside) {
  std::optional<Changes> all;
  const auto check = [&all](ReadTxn& txn) -> Status {
    OPS_TRY(all, All(txn));
    OPS_RETURN_IF_ERROR(WalkTable(txn, kAgents));
    OPS_RETURN_IF_ERROR(WalkTable(txn, kState));
    return WalkTable(txn, kLayouts);
  };
  OPS_TRY(auto env, OpenOrSetAside(dir + "/wal.mdb", {.map_bytes = map_bytes, .tables_max = 8},
                                   {kWal, kAgents, kState, kLayouts}, now_ms, set_aside, check));
  std::unique_ptr<Wal> wal(new Wal(std::move(env), stats));
  MutexLock lock(wal->size_mutex_);
  wal->Start(set_aside->empty() && all ? *all : Changes());
  return wal;
}

void Wal::Start(const Changes& all) {
  stats_.wal_entries = 0;
  stats_.wal_bytes = 0;
  pieces_ = {};
  Follow(all);
  measured_ = true;
}

void Wal::Follow(const Changes& changes) {
  std::uint64_t put = 0;
  for (const auto& [position, bytes] : changes.put) {
    pieces_.Add(position, bytes);
    put += bytes;
  }
  pieces_.Remove(changes.deleted.bytes);
  stats_.wal_entries = stats_.wal_entries + changes.put.size() - changes.deleted.entries;
  stats_.wal_bytes = stats_.wal_bytes + put - changes.deleted.bytes;
}

Status Wal::Change(const std::function<Status(WriteTxn&, Changes&)>& body) {
  MutexLock lock(size_mutex_);
  if (!measured_) OPS_RETURN_IF_ERROR(Measure());
  Changes changes;
  Status written = env_->Write([&](WriteTxn& txn) { return body(txn, changes); });
  if (!written) {
    measured_ = false;  // It may be on disk all the same.
    return written;
  }
  Follow(changes);
  return {};
}

Status Wal::PutGroup(WriteTxn& txn, const WalGroup& group, Changes& changes) {
  OPS_TRY(const Table wal, txn.OpenTable(kWal));
  std::string value;
  for (const WalGroup::Entry& entry : group.entries) {
    const IncomingBatch& batch = *entry.batch;
    EncodeWalEntry(batch.agent_id, batch.epoch, batch.seq, batch.hash, batch.frame, &value);
    OPS_RETURN_IF_ERROR(txn.Append(wal, BeBytes(entry.position), value));
    changes.put.emplace_back(entry.position, value.size());
  }
  OPS_TRY(const Table agents, txn.OpenTable(kAgents));
  for (const auto& agent : group.agents) {
    OPS_RETURN_IF_ERROR(txn.Put(agents, agent.first, agent.second));
  }
  if (group.layouts.empty()) return {};
  OPS_TRY(const Table layouts, txn.OpenTable(kLayouts));
  for (const auto& layout : group.layouts) {
    OPS_RETURN_IF_ERROR(txn.Put(layouts, KeyOf(layout.first), layout.second));
  }
  return {};
}

Status Wal::Commit(const WalGroup& group) {
  return Change([&](WriteTxn& txn, Changes& changes) { return PutGroup(txn, group, changes); });
}

Result<std::vector<Wal::RawEntry>> Wal::ReadAfter(WalPosition position, std::size_t bytes_max) {
  std::vector<RawEntry> out;
  Status read = env_->Read([&](ReadTxn& txn) -> Status {
    OPS_TRY(const Table table, txn.OpenTable(kWal));
    OPS_TRY(Cursor cursor, txn.OpenCursor(table));
    OPS_TRY(auto at, cursor.Seek(BeBytes(position + 1)));
    for (std::size_t bytes = 0; at && bytes < bytes_max;) {
      std::string_view key = at->first;
      if (const auto here = GetBe<WalPosition>(key)) {
        out.push_back({.position = *here, .value = std::string(at->second)});
        bytes += at->second.size();
      }
      OPS_TRY(at, cursor.Next());
    }
    return {};
  });
  if (!read) return std::move(read).error();
  return out;
}

Result<WalPosition> Wal::LastPosition() {
  WalPosition last = 0;
  Status read = env_->Read([&](ReadTxn& txn) -> Status {
    OPS_TRY(const Table table, txn.OpenTable(kWal));
    OPS_TRY(Cursor cursor, txn.OpenCursor(table));
    OPS_TRY(const auto at, cursor.Last());
    if (!at) return {};
    std::string_view key = at->first;
    last = GetBe<WalPosition>(key).value_or(0);
    return {};
  });
  if (!read) return std::move(read).error();
  return last;
}

Result<WalPosition> Wal::OldestWithin(std::uint64_t bytes_max) {
  MutexLock lock(size_mutex_);
  if (!measured_) OPS_RETURN_IF_ERROR(Measure());
  return pieces_.OldestWithin(bytes_max);
}

Result<Wal::Changes> Wal::All(ReadTxn& txn) {
  Changes all;
  OPS_TRY(const Table table, txn.OpenTable(kWal));
  OPS_TRY(Cursor cursor, txn.OpenCursor(table));
  OPS_TRY(auto at, cursor.First());
  while (at) {
    std::string_view key = at->first;
    all.put.emplace_back(GetBe<WalPosition>(key).value_or(0), at->second.size());
    OPS_TRY(at, cursor.Next());
  }
  return all;
}

Status Wal::Measure() {
  Changes all;
  OPS_RETURN_IF_ERROR(env_->Read([&all](ReadTxn& txn) -> Status {
    OPS_TRY(all, All(txn));
    return {};
  }));
  Start(all);
  return {};
}

Result<Wal::KeyValues> Wal::Agents() {
  KeyValues out;
  Status read = env_->Read([&](ReadTxn& txn) -> Status {
    OPS_TRY(const Table table, txn.OpenTable(kAgents));
    OPS_TRY(Cursor cursor, txn.OpenCursor(table));
    OPS_TRY(auto at, cursor.First());
    while (at) {
      out.emplace_back(at->first, at->second);
      OPS_TRY(at, cursor.Next());
    }
    return {};
  });
  if (!read) return std::move(read).error();
  return out;
}

Result<std::optional<WalPosition>> Wal::Flushed() {
  std::optional<WalPosition> cut;
  Status read = env_->Read([&](ReadTxn& txn) -> Status {
    OPS_TRY(const Table table, txn.OpenTable(kState));
    OPS_TRY(const auto value, txn.Get(table, kFlushed));
    if (!value) return {};
    std::string_view bytes = *value;
    cut = GetLe<WalPosition>(bytes);
    if (!cut) return Corrupt(env_->path() + ": state: flushed is cut short");
    return {};
  });
  if (!read) return std::move(read).error();
  return cut;
}

Status Wal::RecordFlushed(WalPosition cut) {
  return env_->Write([&](WriteTxn& txn) -> Status {
    OPS_TRY(const Table table, txn.OpenTable(kState));
    std::string value;
    PutLe(value, cut);
    return txn.Put(table, kFlushed, value);
  });
}

Result<Wal::Size> Wal::Trim(WalPosition cut, std::size_t bytes_max) {
  Size size;
  Status trimmed = Change([&](WriteTxn& txn, Changes& changes) -> Status {
    OPS_RETURN_IF_ERROR(TrimPiece(txn, cut, bytes_max, changes.deleted));
    size = changes.deleted;
    return {};
  });
  if (!trimmed) return std::move(trimmed).error();
  return size;
}

Result<std::optional<std::string>> Wal::Layout(const LayoutId& id) {
  std::optional<std::string> out;
  Status read = env_->Read([&](ReadTxn& txn) -> Status {
    OPS_TRY(const Table table, txn.OpenTable(kLayouts));
    OPS_TRY(const auto value, txn.Get(table, KeyOf(id)));
    if (value) out = std::string(*value);
    return {};
  });
  if (!read) return std::move(read).error();
  return out;
}

Status Wal::Layouts(const std::function<void(const LayoutId&, std::string_view)>& see) {
  return env_->Read([&](ReadTxn& txn) -> Status {
    OPS_TRY(const Table table, txn.OpenTable(kLayouts));
    OPS_TRY(Cursor cursor, txn.OpenCursor(table));
    OPS_TRY(auto at, cursor.First());
    while (at) {
      std::string_view key = at->first;
      const auto high = GetBe<std::uint64_t>(key);
      const auto low = GetBe<std::uint64_t>(key);
      if (high && low) see({.high = *high, .low = *low}, at->second);
      OPS_TRY(at, cursor.Next());
    }
    return {};
  });
}

Status Wal::DeleteLayouts(const std::vector<LayoutId>& ids) {
  return env_->Write([&](WriteTxn& txn) -> Status {
    OPS_TRY(const Table table, txn.OpenTable(kLayouts));
    for (const LayoutId& id : ids) OPS_RETURN_IF_ERROR(txn.Delete(table, KeyOf(id)));
    return {};
  });
}

}  // namespace opssight
