#include "common/app/signals.h"

#include <csignal>
#include <initializer_list>

namespace opssight {
namespace {

sigset_t Waited() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  return set;
}

}  // namespace

void BlockSignals() {
  (void)std::signal(SIGPIPE, SIG_IGN);
  (void)std::signal(SIGXFSZ, SIG_IGN);
  const sigset_t set = Waited();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

ProgramSignal NextSignal() {
  const sigset_t set = Waited();
  int number = 0;
  while (sigwait(&set, &number) != 0) {
  }
  return number == SIGHUP ? ProgramSignal::kReload : ProgramSignal::kStop;
}

void UnblockStopSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT}) sigaddset(&set, number);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace opssight
