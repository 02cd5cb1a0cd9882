// The store in a child process: Readers for threads without a lock, maintenance off the request path.
#include "store.h"

#include <ap_mpm.h>
#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <exception>
#include <system_error>

namespace tokengate {
namespace {

constexpr int64_t kComplaintInterval_s = 60;

apr_status_t stop_maintenance_of(void* store) {
  static_cast<Store*>(store)->stop_maintenance();
  return APR_SUCCESS;
}

int64_t now_unix_s() {
  return apr_time_sec(apr_time_now());
}

}  // namespace

Store::Store(const char* path, server_rec* server) : server_(server), verifier_(path) {}

void Store::start_maintenance() {
  // The server's signals are for its own threads. But a page that goes under a memory map raises SIGBUS in
  // the thread that touches it, and blocked there it would end the process.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  sigdelset(&all, SIGBUS);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] {
      std::unique_lock lock(mutex_);
      while (!stop_) {
        lock.unlock();
        maintain();
        lock.lock();
        stopped_.wait_for(lock, std::chrono::seconds(1), [this] { return stop_; });
      }
    });
    has_thread_ = true;
  } catch (const std::system_error& error) {
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, server_,
                 "tokengate: no thread to look after the store: %s; requests will do it", error.what());
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Store::stop_maintenance() noexcept {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_all();
  thread_.join();
}

void Store::maintain_if_due(int64_t now_unix_s) noexcept {
  if (has_thread_) return;
  // Uncontended, unless the thread of a child with threads could not be started.
  std::lock_guard lock(mutex_);
  if (was_open_ && last_maintained_s_ == now_unix_s) return;
  last_maintained_s_ = now_unix_s;
  maintain();
}

void Store::maintain() noexcept {
  bool open = verifier_.maintain();
  if (open) {
    if (!was_open_) ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, server_, "tokengate: the store is open again");
    was_open_ = true;
    return;
  }
  int64_t now = now_unix_s();
  if (!was_open_ && now - last_complaint_s_ < kComplaintInterval_s) return;
  was_open_ = false;
  last_complaint_s_ = now;
  try {
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, server_, "tokengate: requests are refused: %s",
                 verifier_.problem().c_str());
  } catch (const std::exception& error) {
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, server_, "tokengate: requests are refused: %s", error.what());
  }
}

bool Store::may_log_refusal(int64_t now_unix_s, unsigned* suppressed) noexcept {
  int64_t last = last_logged_s_.load(std::memory_order_relaxed);
  if (last == now_unix_s ||
      !last_logged_s_.compare_exchange_strong(last, now_unix_s, std::memory_order_relaxed)) {
    suppressed_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  *suppressed = suppressed_.exchange(0, std::memory_order_relaxed);
  return true;
}

uint32_t Store::take_slot() noexcept {
  uint64_t head = head_.load(std::memory_order_acquire);
  while (static_cast<uint32_t>(head) != kNone) {
    uint32_t next = slots_[static_cast<uint32_t>(head)].next.load(std::memory_order_relaxed);
    uint64_t popped = (((head >> 32) + 1) << 32) | next;
    if (head_.compare_exchange_weak(head, popped, std::memory_order_acquire, std::memory_order_acquire)) {
      return static_cast<uint32_t>(head);
    }
  }
  uint32_t fresh = made_.load(std::memory_order_relaxed);
  while (fresh < kMaxReaders) {
    if (made_.compare_exchange_weak(fresh, fresh + 1, std::memory_order_relaxed)) return fresh;
  }
  return kNone;
}

void Store::give_back(uint32_t slot) noexcept {
  uint64_t head = head_.load(std::memory_order_relaxed);
  uint64_t pushed = 0;
  do {
    slots_[slot].next.store(static_cast<uint32_t>(head), std::memory_order_relaxed);
    pushed = (head & ~uint64_t{UINT32_MAX}) | slot;
  } while (!head_.compare_exchange_weak(head, pushed, std::memory_order_release, std::memory_order_relaxed));
}

Lease::Lease(Store* store) noexcept : store_(store) {
  if (store_ == nullptr) return;
  slot_ = store_->take_slot();
  if (slot_ == Store::kNone) return;
  std::unique_ptr<Reader>& reader = store_->slots_[slot_].reader;
  if (!reader) {
    try {
      reader = std::make_unique<Reader>(store_->verifier_);
    } catch (const std::exception&) {
      // The slot stays without a Reader; the next one to take it tries again.
      return;
    }
  }
  reader_ = reader.get();
}

Lease::~Lease() {
  if (slot_ != Store::kNone) store_->give_back(slot_);
}

void on_child_init(apr_pool_t* pool, server_rec* main) {
  const char* path = server_config(main)->store_path;
  if (path == nullptr) return;
  Store* store = nullptr;
  try {
    store = new Store(path, main);
  } catch (const std::exception& error) {
    ap_log_error(APLOG_MARK, APLOG_CRIT, 0, main, "tokengate: all requests are refused: %s", error.what());
    return;
  }
  for (server_rec* server = main; server != nullptr; server = server->next) {
    static_cast<ServerConfig*>(ap_get_module_config(server->module_config, &tokengate_module))->store = store;
  }

  int threaded = 0;
  ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded);
  // The prefork MPM destroys the pool from a signal handler, where a thread cannot be waited for; there each
  // request first sees to it, at most once a second.
  if (threaded != AP_MPMQ_NOT_SUPPORTED) {
    store->start_maintenance();
    apr_pool_cleanup_register(pool, store, stop_maintenance_of, apr_pool_cleanup_null);
  }
}  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks): the store lives as long as the process

}  // namespace tokengate
