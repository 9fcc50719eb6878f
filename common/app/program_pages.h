// What start-up leaves mapped of the program and its libraries. Reading settings, loading
// libraries and the first handshakes touch thousands of pages of code and tables that are
// not needed again, and the kernel maps 15 neighbours with each. Unmapping all of them
// makes resident memory say what is in use: what is, comes back at its next touch out of
// the page cache (about 1 us for 16 pages).
#pragma once

#include <cstdint>

namespace opssight {

// When both programs do it: after the start, and then for what is needed seldom.
inline constexpr std::int64_t kUnmapAfterMs = 1'000;
inline constexpr std::int64_t kUnmapEveryMs = 10 * 60'000;

// Unmaps the segments of this process's program and libraries that cannot be written to.
// Takes less than a millisecond; any thread, the others go on. What a debugger wrote there
// (breakpoints) goes too.
void UnmapProgramPages();

}  // namespace opssight
