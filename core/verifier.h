/// The life of an opened store under the threads that decide: how readers get at it without a lock, and how
/// it is opened, replaced and closed under them.
///
/// A reader says "I am in" (its own flag, nobody else writes it), then looks whether a store is published.
/// Whoever wants to change the environment unpublishes it first and then waits until no reader is in. Both
/// sides use sequentially consistent order, so one of the two always sees the other.
#ifndef TOKENGATE_VERIFIER_H_
#define TOKENGATE_VERIFIER_H_

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cursor.h"
#include "environment.h"
#include "tokengate/verify.h"
#include "transaction.h"
#include "usage.h"
#include "usage_buffer.h"

namespace tokengate {

/// A reader's hold on the store. On a cache line of its own: it is written on every request.
class alignas(64) ReaderSeat {
 public:
  explicit ReaderSeat(Verifier::Impl& verifier);
  ~ReaderSeat();
  ReaderSeat(const ReaderSeat&) = delete;
  ReaderSeat& operator=(const ReaderSeat&) = delete;

  /// Takes the newest snapshot. False if the store cannot be read now; the caller must not leave() then.
  bool enter() noexcept;
  void leave() noexcept;

  // Between enter() and leave():
  Transaction& transaction() noexcept { return transaction_; }
  Cursor& catalog_cursor() noexcept { return catalog_cursor_; }  ///< open, but to be bound before use
  /// The store holds impossible bytes: have it opened afresh.
  void report_damage() noexcept;
  /// Whether all that was read was of the snapshot. To be asked before a decision is given.
  bool is_intact() noexcept { return transaction_.is_intact(); }
  /// Whether parts of the data file were missing when they were read: what was found means nothing then.
  bool lost_pages() const noexcept;
  /// Null if there is none.
  UsageMap* usage() const noexcept;

 private:
  friend class Verifier::Impl;
  StoreError take_snapshot(Environment& environment) noexcept;
  void drop() noexcept;

  std::atomic<bool> in_{false};
  Transaction transaction_;
  Cursor catalog_cursor_;
  Verifier::Impl& verifier_;
};

class Verifier::Impl {
 public:
  explicit Impl(std::string path) : path_(std::move(path)) {}
  ~Impl();

  bool maintain() noexcept;
  std::string problem() const;

 private:
  friend class ReaderSeat;
  void add(ReaderSeat* seat);
  void remove(ReaderSeat* seat);
  void adopt_size() noexcept;
  void open() noexcept;
  StoreError inspect() noexcept;
  void close() noexcept;
  void follow_usage() noexcept;
  void unpublish() noexcept;
  void wait_for_readers() noexcept;
  void publish() noexcept { published_.store(&environment_); }

  const std::string path_;
  mutable std::mutex mutex_;                         // guards all below but the atomics
  std::atomic<Environment*> published_{nullptr};     // null: no store; readers look only at this
  std::atomic<UsageMap*> published_usage_{nullptr};  // and, once in, at this
  std::atomic<bool> damage_reported_{false};
  Environment environment_;
  SnapshotId inspected_;  // the newest whose catalog was looked at; its opening means nothing
  std::unique_ptr<UsageBuffer> usage_buffer_;
  std::unique_ptr<UsageMap> usage_map_;  // where there is no buffer
  std::vector<ReaderSeat*> seats_;
  std::string problem_;
};

}  // namespace tokengate

#endif  // TOKENGATE_VERIFIER_H_
