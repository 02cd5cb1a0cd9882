// Outlives the loss of pages under a memory map.
#include "fault_guard.h"

#include <dlfcn.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>

namespace tokengate {
namespace {

/// Read by the signal handler, so lock-free; a slot with `end` 0 is free.
struct Slot {
  std::atomic<uintptr_t> begin{0};
  std::atomic<uintptr_t> end{0};
  std::atomic<bool> writable{false};
  std::atomic<bool> hit{false};
};

// A store has four maps, and a process hardly more than a few stores.
constexpr int kSlots = 256;
constinit Slot slots[kSlots];

constinit std::mutex installing;  // guards the three below, and who has which slot
bool installed = false;
struct sigaction found {};
uintptr_t page_bytes = 0;

Slot* slot_of(uintptr_t address) noexcept {
  for (Slot& slot : slots) {
    if (address < slot.end.load(std::memory_order_acquire) && address >= slot.begin.load()) return &slot;
  }
  return nullptr;
}

/// Whatever lies behind the first lost page is lost too: a file is cut at its end.
bool replace_pages(Slot& slot, void* address) noexcept {
  int error = errno;
  void* page = static_cast<char*>(address) - reinterpret_cast<uintptr_t>(address) % page_bytes;
  int protection = slot.writable.load() ? PROT_READ | PROT_WRITE : PROT_READ;
  void* zeros = mmap(page, slot.end.load() - reinterpret_cast<uintptr_t>(page), protection,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  slot.hit.store(true);
  errno = error;
  return zeros != MAP_FAILED;
}

void hand_on(int signal, siginfo_t* info, void* context) noexcept {
  if ((found.sa_flags & SA_SIGINFO) != 0) return found.sa_sigaction(signal, info, context);
  if (found.sa_handler != SIG_DFL && found.sa_handler != SIG_IGN) return found.sa_handler(signal);
  // The fault comes again at once, and ends the process as if we had never been here.
  sigaction(SIGBUS, &found, nullptr);
  if (info->si_code <= 0) raise(SIGBUS);  // sent by a process: nothing would come again
}

void on_fault(int signal, siginfo_t* info, void* context) noexcept {
  Slot* slot = info->si_code > 0 ? slot_of(reinterpret_cast<uintptr_t>(info->si_addr)) : nullptr;
  if (slot == nullptr || !replace_pages(*slot, info->si_addr)) hand_on(signal, info, context);
}

/// Keeps the library that the handler is part of, if any, in memory: a server may unload its modules.
void stay_loaded() noexcept {
  Dl_info info;
  if (dladdr(&slots, &info) == 0 || info.dli_fname == nullptr) return;
  void* library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
  if (library != nullptr) dlclose(library);
}

bool install() noexcept {
  stay_loaded();
  page_bytes = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  struct sigaction ours {};
  ours.sa_sigaction = on_fault;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&ours.sa_mask);
  return sigaction(SIGBUS, &ours, &found) == 0;
}

}  // namespace

bool FaultGuard::watch(void* begin, size_t bytes, bool writable) noexcept {
  release();
  std::lock_guard lock(installing);
  for (int i = 0; i < kSlots; ++i) {
    Slot& slot = slots[i];
    if (slot.end.load() != 0) continue;
    if (!installed && !install()) return false;
    installed = true;
    slot_ = i;
    slot.begin.store(reinterpret_cast<uintptr_t>(begin));
    slot.writable.store(writable);
    slot.hit.store(false);
    slot.end.store(reinterpret_cast<uintptr_t>(begin) + bytes, std::memory_order_release);
    return true;
  }
  return false;
}

void FaultGuard::release() noexcept {
  if (slot_ < 0) return;
  std::lock_guard lock(installing);
  slots[slot_].end.store(0);
  slot_ = -1;
}

bool FaultGuard::was_hit() const noexcept {
  return slot_ >= 0 && slots[slot_].hit.load(std::memory_order_acquire);
}

}  // namespace tokengate
