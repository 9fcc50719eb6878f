// The heart in one process, from one seed: agents (AgentSession over a spool), a
// network that splits, delays and cuts, an aggregator (SessionTable over a store).
//
// How it works: 1. each step does one random thing: a record is made, bytes move, a
// disk commits, time passes, or something fails (Fault). 2. Then faults end and all
// has to come to rest. 3. Then every record is accounted for: stored exactly once, or
// covered by a gap record, and the latter only where a fault explains it.
//
// OPS_SIM_SEED=n runs one seed; OPS_SIM_SEEDS=n so many.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "agent/ship/agent_session.h"
#include "aggregator/ingest/session_table.h"
#include "common/base/random.h"
#include "tests/sim/sim_aggregator.h"
#include "tests/sim/sim_spool.h"

namespace opssight::sim {
namespace {

struct Faults {
  bool cap = false;            // The spool is full: the oldest become gaps.
  bool damage = false;         // Batches of the spool rot.
  bool restore = false;        // The agent's state is set back to a copy.
  bool clone = false;          // A second machine goes on from a copy.
  bool restore_store = false;  // The aggregator is set back to a copy.
};

// One connection: bytes on their way, and who still has an end of it.
struct Link final : SessionLink {
  std::string up, down;  // To the aggregator, to the agent.
  bool agent_end = true;
  bool server_end = true;
  bool paused = false;
  bool server_closes = false;  // After what is in down.

  void Write(std::string bytes) override { down += bytes; }
  void Pause() override { paused = true; }
  void Resume() override { paused = false; }
  void CloseAfterWrites() override { server_closes = true; }
};

struct Host {
  std::unique_ptr<SimSpool> spool;
  std::unique_ptr<AgentSession> session;
  std::uint64_t link = 0;  // 0: not connected.
  SimSpool::Disk copy;
  std::set<Record> copy_made;  // Records made when the copy was.
  std::set<Record> made;
};

class World {
 public:
  World(std::uint64_t seed, Faults faults) : random_(seed), faults_(faults) {
    StartAggregator();
    hosts_.resize(faults.clone ? 2 : 1);
    StartAgent(hosts_[0], {});
    if (faults.clone) StartAgent(hosts_[1], {});
  }

  void Run(int steps) {
    for (int i = 0; i < steps; ++i) Step(true);
    store_.refuse = false;
    for (int i = 0; i < 60'000 && !Quiet(); ++i) Step(false);
  }

  bool Quiet() const {
    bool quiet = store_.waiting() == 0 && completions_.empty();
    for (const Host& host : hosts_) quiet = quiet && host.spool->disk().batches.empty();
    return quiet;
  }

  void Check() const {
    EXPECT_TRUE(Quiet()) << "did not come to rest: " << hosts_[0].spool->disk().batches.size();
    const bool copies = faults_.restore || faults_.clone || faults_.restore_store;
    const bool gaps = copies || faults_.cap || faults_.damage;
    for (const auto& [record, times] : store_.disk.stored) {
      EXPECT_EQ(times, 1) << "record " << record;
    }
    for (const Record record : required_) {
      const bool stored = store_.disk.stored.contains(record);
      const bool gap = store_.disk.gaps.contains(record);
      EXPECT_TRUE(stored || gap) << "record " << record << " is lost";
      EXPECT_TRUE(copies || !(stored && gap)) << "record " << record << " is both";
      EXPECT_TRUE(gaps || stored) << "record " << record << " is a gap without a fault";
    }
    EXPECT_TRUE(faults_.restore_store || store_.disk.lost == 0) << store_.disk.lost;
  }

  std::size_t records() const { return required_.size(); }
  const ShipStats& ship() const { return ship_; }
  const IngestStats& ingest() const { return ingest_; }

 private:
  void StartAggregator() {
    completions_.clear();
    table_.reset();
    layouts_ = std::make_unique<LayoutRegistry>();
    table_ = std::make_unique<SessionTable>(
        SessionOptions{.window_batches = 8, .window_bytes = 2'000},
        SessionTable::Parts{.acceptor = store_,
                            .authority = authority_,
                            .layouts = *layouts_,
                            .stats = ingest_,
                            .clock = clock_,
                            .post = [this](Completion c) { completions_.push_back(std::move(c)); },
                            .on_end = {}});
  }

  void StartAgent(Host& host, SimSpool::Disk disk) {
    host.session.reset();
    host.spool = std::make_unique<SimSpool>(std::move(disk));
    host.session = std::make_unique<AgentSession>(AgentSessionOptions{.host = "sim",
                                                                      .unsent_bytes_max = 600,
                                                                      .read_bytes_max = 300,
                                                                      .backlog_bytes_per_s = 5'000,
                                                                      .backlog_batches_min = 4},
                                                  *host.spool, ship_);
  }

  bool Chance(std::uint64_t percent) { return random_.Below(100) < percent; }
  std::int64_t now() const { return clock_.SteadyMs(); }

  void Step(bool faults) {
    Host& host = hosts_[random_.Below(hosts_.size())];
    const std::uint64_t dice = random_.Below(1'000);
    if (dice < 100) {
      if (faults) Make(host);
    } else if (dice < 500) {
      MoveBytes();
    } else if (dice < 650) {
      Pump(host);
    } else if (dice < 730) {
      store_.CommitSome(1 + random_.Below(6));
    } else if (dice < 810) {
      table_->Complete(std::exchange(completions_, {}), now());
    } else if (dice < 870) {
      host.spool->Transact();
    } else if (dice < 940) {
      clock_.AdvanceMs(static_cast<std::int64_t>(random_.Below(Chance(5) ? 20'000 : 300)));
      table_->Tick(now());
      for (Host& each : hosts_) each.session->Tick(now());
    } else if (dice < 975) {
      Connect(host);
    } else if (faults) {
      Fail(host);
    }
  }

  void Make(Host& host) {
    std::vector<Record> records;
    for (std::uint64_t n = 1 + random_.Below(3); n > 0; --n) records.push_back(++last_record_);
    for (const Record record : records) {
      required_.insert(record);
      host.made.insert(record);
    }
    host.spool->Append(std::move(records), last_record_);
  }

  void Connect(Host& host) {
    if (host.link != 0 || host.session->rebasing()) return;
    host.link = ++last_link_;
    auto link = std::make_unique<Link>();
    table_->Open(
        host.link,
        {.address = "sim", .certificate = SessionPeer::Certificate::kVerified, .agent_id = "a"},
        *link, now());
    links_.emplace(host.link, std::move(link));
    host.session->Opened(now());
  }

  void Pump(Host& host) {
    if (host.link == 0) return;
    Link& link = *links_.at(host.link);
    link.up += host.session->Produce(now(), link.up.size());
    if (host.session->TakeEnd()) AgentCloses(host);
  }

  // What the agent has written is still on its way, unless the network drops it.
  void AgentCloses(Host& host) {
    if (host.link == 0) return;
    links_.at(host.link)->agent_end = false;
    host.session->Closed();
    host.link = 0;
  }

  void MoveBytes() {
    if (links_.empty()) return;
    auto it = links_.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(random_.Below(links_.size())));
    const std::uint64_t id = it->first;
    Link& link = *it->second;
    if (Chance(50)) {
      MoveUp(id, link);
    } else {
      MoveDown(id, link);
    }
    if (!link.agent_end && !link.server_end) links_.erase(id);
  }

  void MoveUp(std::uint64_t id, Link& link) {
    if (!link.server_end) {
      link.up.clear();
      return;
    }
    if (link.server_closes) {
      link.up.clear();
      link.server_end = false;
      table_->Closed(id, "done", now());
    } else if (!link.up.empty() && !link.paused) {
      const std::string piece = link.up.substr(0, 1 + random_.Below(link.up.size()));
      link.up.erase(0, piece.size());
      table_->Bytes(id, piece, now());
    } else if (!link.agent_end && link.up.empty() && !Chance(half_open_percent_)) {
      link.server_end = false;
      table_->Closed(id, "connection lost", now());
    }
  }

  void MoveDown(std::uint64_t id, Link& link) {
    Host* host = nullptr;
    for (Host& each : hosts_) {
      if (each.link == id) host = &each;
    }
    if (host == nullptr) return;
    if (!link.down.empty()) {
      const std::string piece = link.down.substr(0, 1 + random_.Below(link.down.size()));
      link.down.erase(0, piece.size());
      host->session->OnBytes(piece, now());
      Pump(*host);
    } else if (!link.server_end) {
      AgentCloses(*host);
    }
  }

  // The network drops a connection: some of the bytes on their way arrive.
  void Cut(Host& host) {
    if (host.link == 0) return;
    Link& link = *links_.at(host.link);
    link.up.resize(random_.Below(link.up.size() + 1));
    AgentCloses(host);
  }

  void Fail(Host& host) {
    switch (random_.Below(12)) {
      case 0:
      case 1:
      case 2:
        return Cut(host);
      case 3:
      case 4:  // The agent dies.
        if (Chance(50)) Cut(host);
        AgentCloses(host);
        return StartAgent(host, host.spool->disk());
      case 5:  // The aggregator dies.
        return CrashAggregator();
      case 6:
        store_.refuse = Chance(50);
        return;
      case 7:
        if (faults_.cap) host.spool->DropOldest();
        return;
      case 8:
        if (faults_.damage) host.spool->Damage(random_.Next());
        return;
      case 9:
        if (faults_.restore) CopyOrRestore(host);
        return;
      case 10:
        if (faults_.clone) Clone();
        return;
      default:
        if (faults_.restore_store) CopyOrRestoreStore();
        return;
    }
  }

  void CrashAggregator() {
    store_.Crash();
    for (auto& [id, link] : links_) {
      link->server_end = false;
      link->down.resize(random_.Below(link->down.size() + 1));
    }
    StartAggregator();
  }

  void CopyOrRestore(Host& host) {
    if (host.copy.epoch == 0 || Chance(60)) {  // See README: not before an epoch.
      host.copy = host.spool->disk();
      host.copy_made = host.made;
      return;
    }
    // What was made since the copy is no more, unless it was stored.
    for (const Record record : host.made) {
      if (!host.copy_made.contains(record)) required_.erase(record);
    }
    if (Chance(50)) Cut(host);
    AgentCloses(host);
    host.made = host.copy_made;
    StartAgent(host, host.copy);
  }

  void Clone() {
    if (!Chance(20) || hosts_[0].spool->epoch() == 0) return;
    for (const Record record : hosts_[1].made) {
      if (!hosts_[0].made.contains(record)) required_.erase(record);
    }
    AgentCloses(hosts_[1]);
    hosts_[1].made = hosts_[0].made;
    StartAgent(hosts_[1], hosts_[0].spool->disk());
  }

  void CopyOrRestoreStore() {
    if (Chance(70)) {
      store_copy_ = store_.disk;
      epoch_copy_ = authority_.epoch;
      return;
    }
    CrashAggregator();
    for (const auto& [record, times] : store_.disk.stored) {
      if (!store_copy_.stored.contains(record)) required_.erase(record);
    }
    for (const auto& [record, times] : store_.disk.gaps) {
      if (!store_copy_.gaps.contains(record)) required_.erase(record);
    }
    store_.disk = store_copy_;
    authority_.epoch = epoch_copy_;
  }

  Random random_;
  const Faults faults_;
  const std::uint64_t half_open_percent_ = 70;
  FakeClock clock_;
  ShipStats ship_;
  IngestStats ingest_;
  SimStore store_;
  SimAuthority authority_;
  SimStore::Disk store_copy_;
  std::uint64_t epoch_copy_ = 1;
  std::unique_ptr<LayoutRegistry> layouts_;
  std::vector<Completion> completions_;
  std::map<std::uint64_t, std::unique_ptr<Link>> links_;
  std::unique_ptr<SessionTable> table_;
  std::vector<Host> hosts_;
  std::uint64_t last_link_ = 0;
  Record last_record_ = 0;
  std::set<Record> required_;
};

std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing sets it.
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void RunSeeds(Faults faults, std::uint64_t seeds) {
  const std::uint64_t only = FromEnvironment("OPS_SIM_SEED", 0);
  seeds = FromEnvironment("OPS_SIM_SEEDS", seeds);
  std::size_t records = 0;
  for (std::uint64_t seed = only != 0 ? only : 1; seed <= (only != 0 ? only : seeds); ++seed) {
    SCOPED_TRACE("OPS_SIM_SEED=" + std::to_string(seed));
    World world(seed, faults);
    world.Run(3'000);
    world.Check();
    records += world.records();
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(records, 0U);
}

TEST(HeartSimTest, EveryRecordIsStoredOnceThroughCutsAndCrashes) {
  RunSeeds(Faults{}, 200);
}

TEST(HeartSimTest, FullAndDamagedSpoolsLeaveGaps) {
  RunSeeds({.cap = true, .damage = true}, 100);
}

TEST(HeartSimTest, RestoredAgentsNeitherRepeatNorHideAnything) {
  RunSeeds({.cap = true, .restore = true}, 100);
}

TEST(HeartSimTest, ClonesDoNotMix) {
  RunSeeds({.restore = true, .clone = true}, 50);
}

TEST(HeartSimTest, RestoredAggregatorIsToldWhatItLost) {
  RunSeeds({.damage = true, .restore_store = true}, 50);
}

}  // namespace
}  // namespace opssight::sim
