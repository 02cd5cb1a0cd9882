// Opens, watches and replaces the store under running readers.
#include "verifier.h"

#include <chrono>
#include <thread>
#include <utility>

#include "catalog_digest.h"

namespace tokengate {

ReaderSeat::ReaderSeat(Verifier::Impl& verifier) : verifier_(verifier) {
  verifier_.add(this);
}

ReaderSeat::~ReaderSeat() {
  verifier_.remove(this);
}

bool ReaderSeat::enter() noexcept {
  // Twice: the second time after the map was adopted that another process has grown.
  for (int attempt = 0; attempt < 2; ++attempt) {
    in_.store(true);
    Environment* environment = verifier_.published_.load();
    StoreError error = environment == nullptr ? StoreError::kNoStore : take_snapshot(*environment);
    if (error == StoreError::kNone) return true;
    in_.store(false);
    if (error != StoreError::kMapResized) return false;
    verifier_.adopt_size();
  }
  return false;
}

StoreError ReaderSeat::take_snapshot(Environment& environment) noexcept {
  if (!transaction_.is_begun()) {
    StoreError error = transaction_.begin_read(environment);
    if (error != StoreError::kNone) return error;
    error = catalog_cursor_.open(transaction_, Table::kCatalog);
    if (error != StoreError::kNone) transaction_.abort();
    return error;
  }
  return transaction_.renew();
}

void ReaderSeat::leave() noexcept {
  transaction_.reset();
  // Everything done in the snapshot happens before anyone who sees the flag down.
  in_.store(false, std::memory_order_release);
}

void ReaderSeat::report_damage() noexcept {
  verifier_.damage_reported_.store(true, std::memory_order_relaxed);
}

bool ReaderSeat::lost_pages() const noexcept {
  return verifier_.environment_.lost_pages();
}

UsageMap* ReaderSeat::usage() const noexcept {
  return verifier_.published_usage_.load();
}

void ReaderSeat::drop() noexcept {
  catalog_cursor_.close();
  transaction_.abort();
}

Verifier::Impl::~Impl() {
  std::lock_guard lock(mutex_);
  close();
}

void Verifier::Impl::add(ReaderSeat* seat) {
  std::lock_guard lock(mutex_);
  seats_.push_back(seat);
}

void Verifier::Impl::remove(ReaderSeat* seat) {
  std::lock_guard lock(mutex_);
  seat->drop();
  std::erase(seats_, seat);
}

bool Verifier::Impl::maintain() noexcept {
  std::lock_guard lock(mutex_);
  bool damaged = damage_reported_.exchange(false);
  if (environment_.is_open() && (damaged || environment_.lost_pages() || !environment_.is_current())) close();
  if (environment_.is_open()) {
    StoreError error = inspect();
    if (error == StoreError::kCatalog || error == StoreError::kDamaged) close();
  }
  if (!environment_.is_open()) open();
  if (environment_.is_open()) follow_usage();
  return environment_.is_open();
}

std::string Verifier::Impl::problem() const {
  std::lock_guard lock(mutex_);
  return problem_;
}

/// kDamaged if the data file leads readers to an old snapshot, which they refuse themselves: this is to say
/// why. kCatalog if the catalog is not whole, which no reader can tell.
StoreError Verifier::Impl::inspect() noexcept {
  Transaction transaction;
  StoreError error = transaction.begin_read(environment_);
  if (error != StoreError::kNone) return error;
  SnapshotId snapshot = transaction.snapshot();
  snapshot.opening = 0;
  if (snapshot == inspected_) return error;
  error = transaction.check_small_tables();
  if (error == StoreError::kNone) error = check_catalog(transaction);
  // What was found may be of pages that were used again meanwhile.
  if (error != StoreError::kNone && !transaction.is_intact()) error = StoreError::kOvertaken;
  // Without the memory to look, the commit is still to be looked at.
  if (error != StoreError::kSystem && error != StoreError::kOvertaken) inspected_ = snapshot;
  return error;
}

void Verifier::Impl::open() noexcept {
  StoreError error = environment_.open(path_, Environment::Mode::kServe);
  inspected_ = {};
  if (error == StoreError::kNone) error = inspect();
  if (error == StoreError::kNone && environment_.lost_pages()) error = StoreError::kDamaged;
  problem_ = describe(error, path_, environment_.system_text());
  if (error == StoreError::kNone) {
    publish();
  } else {
    environment_.close();
  }
}

void Verifier::Impl::close() noexcept {
  unpublish();
  for (ReaderSeat* seat : seats_) seat->drop();
  environment_.close();
}

void Verifier::Impl::adopt_size() noexcept {
  std::lock_guard lock(mutex_);
  if (!environment_.is_open()) return;
  unpublish();
  StoreError error = environment_.adopt_size();
  if (error == StoreError::kNone) {
    publish();
  } else {
    close();  // maintain() starts over
    problem_ = describe(error, path_, environment_.system_text());
  }
}

/// The files may grow, or be replaced, damaged or removed, at any time, and no decision waits for them.
void Verifier::Impl::follow_usage() noexcept {
  if (usage_buffer_ != nullptr && usage_buffer_->is_current()) return usage_buffer_->flush_part();
  std::unique_ptr<UsageBuffer> buffer = UsageBuffer::open(path_);
  if (buffer == nullptr && usage_map_ != nullptr && usage_map_->is_current()) return;
  std::unique_ptr<UsageBuffer> former_buffer = std::exchange(usage_buffer_, std::move(buffer));
  std::unique_ptr<UsageMap> former_map =
      std::exchange(usage_map_, usage_buffer_ == nullptr ? UsageMap::open(usage_file(path_)) : nullptr);
  published_usage_.store(usage_buffer_ != nullptr ? &usage_buffer_->map() : usage_map_.get());
  wait_for_readers();  // that may still be in the former one
}

/// On return no reader is in, and none comes in until publish().
void Verifier::Impl::unpublish() noexcept {
  published_.store(nullptr);
  wait_for_readers();
}

/// Whoever was in at the call has been out. Readers stay in for microseconds.
void Verifier::Impl::wait_for_readers() noexcept {
  for (ReaderSeat* seat : seats_) {
    while (seat->in_.load()) std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

Verifier::Verifier(std::string store_path) : impl_(std::make_unique<Impl>(std::move(store_path))) {
  impl_->maintain();
}

Verifier::~Verifier() = default;

bool Verifier::maintain() noexcept {
  return impl_->maintain();
}

std::string Verifier::problem() const {
  return impl_->problem();
}

}  // namespace tokengate
