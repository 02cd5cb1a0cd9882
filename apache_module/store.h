/// The store in one child process: one Verifier, Readers for the threads, and what keeps them current.
#ifndef TOKENGATE_APACHE_STORE_H_
#define TOKENGATE_APACHE_STORE_H_

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "module.h"

namespace tokengate {

/// Lives until the process ends: the server may end a child in the midst of a request, and a Reader must not
/// lose its store. The system lets go of its reader slots.
class Store {
 public:
  /// `server` is the main server, to log to. Throws if there is no memory.
  Store(const char* path, server_rec* server);

  /// Starts the thread that looks after the store once a second. For a child with threads; without one,
  /// maintain_if_due() does the same between requests.
  void start_maintenance();
  void stop_maintenance() noexcept;
  /// At most once a second while the store is open; while it is not, each time.
  void maintain_if_due(int64_t now_unix_s) noexcept;

  /// Whether the error "store unavailable" is to be logged now, at most once a second in this process; then
  /// `*suppressed` is how many were not logged since the last one.
  bool may_log_refusal(int64_t now_unix_s, unsigned* suppressed) noexcept;

 private:
  friend class Lease;
  // Far above the threads of a child that can be inside a decision, which never blocks, at one moment.
  static constexpr uint32_t kMaxReaders = 512;
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Slot {
    std::unique_ptr<Reader> reader;
    std::atomic<uint32_t> next{kNone};
  };

  uint32_t take_slot() noexcept;
  void give_back(uint32_t slot) noexcept;
  void maintain() noexcept;

  server_rec* server_;
  Verifier verifier_;

  // A stack of free slots without a lock. The upper half of the head counts pops, so that a head that was
  // taken and put back in the meantime is not mistaken for an unchanged one.
  std::atomic<uint64_t> head_{kNone};
  std::atomic<uint32_t> made_{0};
  std::array<Slot, kMaxReaders> slots_;

  std::thread thread_;
  bool has_thread_ = false;  ///< set before the first request
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stop_ = false;

  // Of whoever maintains.
  bool was_open_ = true;
  int64_t last_complaint_s_ = 0;
  int64_t last_maintained_s_ = 0;

  std::atomic<int64_t> last_logged_s_{0};
  std::atomic<unsigned> suppressed_{0};
};

/// A Reader of `store` for the scope: for a decision, never while something is waited for.
class Lease {
 public:
  explicit Lease(Store* store) noexcept;
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  /// Null if there is no store or no free Reader: then every decision is store_unavailable.
  Reader* reader() const noexcept { return reader_; }

 private:
  Store* store_;
  uint32_t slot_ = Store::kNone;
  Reader* reader_ = nullptr;
};

void on_child_init(apr_pool_t* pool, server_rec* main);

}  // namespace tokengate

#endif  // TOKENGATE_APACHE_STORE_H_
