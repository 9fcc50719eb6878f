// Clock is where time comes from. Components take a Clock& (or the time itself
// as an argument) so that a test or a simulation can set it.
//
// Wall time is for what is stored; steady time is for how long something took
// and when it is due, and never jumps. Both clocks are safe on any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace opssight {

inline constexpr std::int64_t kNsPerUs = 1'000;
inline constexpr std::int64_t kNsPerMs = 1'000'000;
inline constexpr std::int64_t kNsPerSecond = 1'000'000'000;
inline constexpr std::int64_t kMsPerSecond = 1'000;
inline constexpr std::int64_t kMsPerDay = 86'400'000;
inline constexpr std::int64_t kNsPerDay = kMsPerDay * kNsPerMs;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::int64_t WallNs() const = 0;    // Since 1970-01-01 UTC. May jump.
  virtual std::int64_t SteadyNs() const = 0;  // Since some start. Never goes back.

  std::int64_t WallMs() const { return WallNs() / kNsPerMs; }
  std::int64_t SteadyMs() const { return SteadyNs() / kNsPerMs; }

  // The real clock.
  static Clock& System();
};

// Stands still until told otherwise.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(std::int64_t wall_ns = 1'767'225'600 * kNsPerSecond) : wall_ns_(wall_ns) {}
  std::int64_t WallNs() const override { return wall_ns_.load(); }
  std::int64_t SteadyNs() const override { return steady_ns_.load(); }
  void AdvanceNs(std::int64_t ns) {
    wall_ns_ += ns;
    steady_ns_ += ns;
  }
  void AdvanceMs(std::int64_t ms) { AdvanceNs(ms * kNsPerMs); }
  void JumpWallNs(std::int64_t ns) { wall_ns_ += ns; }  // As NTP or an operator would.

 private:
  std::atomic<std::int64_t> wall_ns_;
  std::atomic<std::int64_t> steady_ns_{1};
};

}  // namespace opssight
