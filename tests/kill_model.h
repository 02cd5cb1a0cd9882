/// What a store that is changed under fire must hold: the memory that outlives every killed writer.
///
/// A writer describes each change before it makes it and says so when it was acknowledged, each with one
/// atomic store, so that a kill at any instant leaves one of two situations: a definite state, or one change
/// in doubt, which the store must then hold wholly or not at all.
#ifndef TOKENGATE_TESTS_KILL_MODEL_H_
#define TOKENGATE_TESTS_KILL_MODEL_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "token.h"
#include "tokengate/result.h"

namespace kill_model {

inline constexpr size_t kAccounts = 6;
inline constexpr size_t kSlots =
    48;  ///< tokens that exist or do not; slot i belongs to account i % kAccounts

inline std::string account_name(size_t account) {
  return "account" + std::to_string(account);
}
inline std::string token_name(size_t slot) {
  return "token" + std::to_string(slot);
}
inline size_t account_of(size_t slot) {
  return slot % kAccounts;
}

/// Bytes that depend on a slot and a generation alone, so that a secret is known to every process before its
/// token is made.
class SecretSource {
 public:
  void start(size_t slot, uint32_t generation) { state_ = (uint64_t{generation} << 16) + slot; }
  bool operator()(std::span<uint8_t> out) {
    for (uint8_t& byte : out) {
      // splitmix64, a public-domain generator.
      uint64_t mixed = state_ += 0x9E3779B97F4A7C15;
      mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9;
      mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB;
      byte = static_cast<uint8_t>(mixed ^ mixed >> 31);
    }
    return true;
  }

 private:
  uint64_t state_ = 0;
};

inline std::string secret_of(size_t slot, uint32_t generation) {
  SecretSource source;
  source.start(slot, generation);
  return tokengate::make_token_text([&](std::span<uint8_t> out) { return source(out); });
}

struct Model {
  struct Slot {
    std::atomic<uint32_t> generation{0};  ///< of the newest secret; a secret that was replaced never returns
    std::atomic<bool> present{false};
  };
  struct Account {
    std::atomic<bool> active{true};
    std::atomic<bool> has_acl{true};
  };
  std::array<Slot, kSlots> slots;
  std::array<Account, kAccounts> accounts;
  std::atomic<uint64_t> changes{0};

  void copy_from(const Model& other) {
    for (size_t i = 0; i < kSlots; ++i) {
      slots[i].generation = other.slots[i].generation.load();
      slots[i].present = other.slots[i].present.load();
    }
    for (size_t i = 0; i < kAccounts; ++i) {
      accounts[i].active = other.accounts[i].active.load();
      accounts[i].has_acl = other.accounts[i].has_acl.load();
    }
    changes = other.changes.load();
  }

  /// Whether no change that is yet to come can make the secret valid.
  bool is_dead(size_t slot, uint32_t generation) const {
    uint32_t newest = slots[slot].generation;
    return generation < newest || (generation == newest && !slots[slot].present);
  }

  tokengate::Outcome outcome(size_t slot, uint32_t generation) const {
    if (generation != slots[slot].generation || !slots[slot].present)
      return tokengate::Outcome::kUnknownToken;
    const Account& account = accounts[account_of(slot)];
    if (!account.active) return tokengate::Outcome::kAccountSuspended;
    return account.has_acl ? tokengate::Outcome::kGranted : tokengate::Outcome::kAclDenied;
  }
};

/// In memory shared by all processes of a run.
struct Shared {
  /// Even: present() is what the store holds. Odd: a change from present() to next() is in doubt.
  std::atomic<uint64_t> sequence{0};
  std::array<Model, 2> models;
  /// The sequence at which some reader saw the change that was in doubt: from then on it must stay.
  std::atomic<uint64_t> seen_done{0};

  std::atomic<bool> stop{false};
  std::atomic<uint64_t> wrong{0};
  std::atomic<uint64_t> checks{0}, grants{0}, unavailable{0};
  std::atomic<uint64_t> acknowledged{0}, done_in_doubt{0}, undone_in_doubt{0}, journals_verified{0};

  static bool in_doubt(uint64_t sequence) { return sequence % 2 == 1; }
  Model& present(uint64_t at) { return models[at / 2 % 2]; }
  Model& next(uint64_t at) { return models[1 - at / 2 % 2]; }

  /// Before a change: next() has been filled in.
  void begin() { sequence.fetch_add(1); }
  /// The change in doubt was made.
  void settle_done() { sequence.fetch_add(1); }
  /// It was not.
  void settle_undone() { sequence.fetch_add(3); }
};

}  // namespace kill_model

#endif  // TOKENGATE_TESTS_KILL_MODEL_H_
