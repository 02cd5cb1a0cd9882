// A library that contains the guard, as a server's module does.
#include "fault_guard.h"

extern "C" [[gnu::visibility("default")]] bool watch_for_ever(void* begin, size_t bytes) {
  static tokengate::FaultGuard guard;
  return guard.watch(begin, bytes, false);
}
