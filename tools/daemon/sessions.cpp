// One-time links and sessions.
#include "sessions.h"

#include <sys/random.h>

#include <algorithm>

namespace tokengate::daemon {
namespace {

constexpr size_t kKeyChars = 43;   // 256 bits at 6 a character, rounded up
constexpr size_t kNameChars = 11;  // at least 64 of them
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

std::string random_key() {
  unsigned char bytes[kKeyChars];
  if (getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) return {};
  std::string key;
  for (unsigned char byte : bytes) key += kAlphabet[byte % kAlphabet.size()];  // 64 divides 256
  return key;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

}  // namespace

std::string Keyring::add(const Guest& guest, int64_t ends_unix_s) {
  std::string key = random_key();
  if (key.empty()) return {};
  if (entries_.size() >= most_) {
    entries_.erase(std::min_element(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
      return a.second.order < b.second.order;
    }));
  }
  entries_[key.substr(0, kNameChars)] = {key.substr(kNameChars), guest, ends_unix_s, added_++};
  return key;
}

const Guest* Keyring::find(std::string_view key, int64_t now_unix_s) {
  if (key.size() != kKeyChars) return nullptr;
  auto found = entries_.find(key.substr(0, kNameChars));
  if (found == entries_.end()) return nullptr;
  if (now_unix_s >= found->second.ends_unix_s) {
    entries_.erase(found);
    return nullptr;
  }
  bool opens = equal_in_constant_time(found->second.secret, key.substr(kNameChars));
  return opens ? &found->second.guest : nullptr;
}

void Keyring::remove(std::string_view key) {
  // Whoever does not hold the key must not end what it opens; an entry that has ended may go.
  if (find(key, INT64_MIN) != nullptr) entries_.erase(entries_.find(key.substr(0, kNameChars)));
}

std::string Sessions::make_link(const Guest& guest, int64_t now_unix_s) {
  return links_.add(guest, now_unix_s + kLinkSeconds);
}

std::optional<std::string> Sessions::redeem(std::string_view link, int64_t now_unix_s) {
  const Guest* found = links_.find(link, now_unix_s);
  if (found == nullptr) return std::nullopt;
  Guest guest = *found;
  links_.remove(link);
  std::string session = sessions_.add(guest, now_unix_s + session_s_);
  if (session.empty()) return std::nullopt;
  return session;
}

}  // namespace tokengate::daemon
