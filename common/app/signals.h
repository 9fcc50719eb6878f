// Signals as a queue that main() waits on, so that no handler of ours ever runs:
//
//   BlockSignals();                       // first in main(), before any thread
//   …start everything…
//   for (;;) switch (NextSignal()) { case ProgramSignal::kStop: …; case kReload: …; }
//
// SIGTERM and SIGINT stop, SIGHUP reloads; SIGPIPE and SIGXFSZ are ignored (a write
// says EPIPE, or EFBIG at a limit of file sizes).
// A second stop signal while the first is being served ends the process at once.
#pragma once

#include <cstdint>

namespace opssight {

enum class ProgramSignal : std::uint8_t { kStop, kReload };

void BlockSignals();
ProgramSignal NextSignal();
// From now on a stop signal ends the process as it would any other.
void UnblockStopSignals();

}  // namespace opssight
