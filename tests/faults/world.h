// A world for one fault test: the programs, generators that load them, and the proof at
// the end. Prints what it did; the seed (OPS_SEED) decides when faults come.
//
//   World world(options);
//   world.Load(200);
//   … faults …
//   world.Prove();   // Twice: as it is, and after the aggregator was killed and read back.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/base/result.h"
#include "tests/faults/checker.h"
#include "tests/faults/generator.h"
#include "tests/support/programs.h"
#include "tests/support/temp_dir.h"

namespace opssight::faults {

// The long form (OPS_FAULTS=long) has other numbers of rounds.
bool Long();
int Rounds(int in_short, int in_long);

struct WorldOptions {
  std::string name;
  std::string agent_dir;  // Empty: in a folder of its own.
  std::string aggregator_dir;
  std::string agent_yaml;
  std::string aggregator_yaml;
};

// How each source is loaded, by records per second; 0: none.
struct LoadOptions {
  std::uint64_t lines = 150;  // Each of five log files.
  std::uint64_t spans = 200;
  std::uint64_t points = 200;
  std::size_t pad_bytes = 32;
  std::uint64_t rotate_after = 700;
};

class World {
 public:
  explicit World(WorldOptions options);
  ~World();

  Status Start() { return programs_->Start(); }
  void Load(const LoadOptions& options);
  // Waits so long; an error if a program has ended meanwhile.
  Status Pass(std::int64_t ms);
  // A moment between the two, in ms, by the seed.
  Status PassBetween(std::int64_t least_ms, std::int64_t most_ms);
  Status BothRun();

  // Stops the generators, waits until all is stored, checks; restarts the aggregator by
  // kill -9 and checks again.
  Status Prove();

  Programs& programs() { return *programs_; }
  Random& random() { return random_; }
  std::uint64_t emitted() const;
  std::uint64_t in_gaps() const { return in_gaps_; }  // After Prove().
  void Count(const std::string& what) { ++counts_[what]; }
  void Say(const std::string& what) const;

 private:
  Status StopGenerators();
  Status Drain();
  bool Drained() const;
  Status CheckAll(const char* when);

  const WorldOptions options_;
  Random random_;
  TempDir dir_;
  std::unique_ptr<Programs> programs_;
  std::vector<std::unique_ptr<Generator>> generators_;
  std::map<std::string, std::uint64_t> counts_;
  std::uint64_t in_gaps_ = 0;
  std::int64_t base_ns_ = 0;
};

}  // namespace opssight::faults
