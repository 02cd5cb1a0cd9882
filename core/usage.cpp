// The slots of usage.map and of its buffer, and a worker's map of either.
#include "usage.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>

#include "usage_io.h"

namespace tokengate {
namespace {

// A slot is eight words.
enum Word : size_t { kLast = 0, kCount = 1, kAddress = 2, kAcls = 4, kWords = 8 };
static_assert(kWords * sizeof(uint64_t) == kUsageSlotBytes);
static_assert(std::atomic_ref<uint64_t>::is_always_lock_free);
using SlotWords = std::array<uint64_t, kWords>;

// Word kCount: how often in the lower bits, and above them what else was used.
constexpr uint64_t kUnlisted = uint64_t{1} << 62;
constexpr uint64_t kWrites = uint64_t{1} << 63;
constexpr uint64_t kMostUses = (uint64_t{1} << 48) - 1;

// What word kAddress and the next hold for a client that has no address: nobody comes from these.
constexpr std::array<uint64_t, 2> kNoAddress = {0, 0};
constexpr std::array<uint64_t, 2> kLocalSocket = {UINT64_MAX, UINT64_MAX};

// Slot 0. Another version, or another order of bytes, is another number.
constexpr uint64_t kMagic = 0x31'50'41'4D'45'53'55'54;  // "TUSEMAP1"
enum HeaderWord : size_t { kMagicWord = 0, kSinceWord = 1, kStoreIdWord = 2, kFileIdWord = 4, kFreeWord = 5 };
static_assert(kFreeWord + UsageMap::kFreeWords == kWords);

void store_if_new(uint64_t& word, uint64_t value) noexcept {
  std::atomic_ref shared(word);
  if (shared.load(std::memory_order_relaxed) != value) shared.store(value, std::memory_order_relaxed);
}

void add_bits(uint64_t& word, uint64_t bits) noexcept {
  std::atomic_ref shared(word);
  if ((shared.load(std::memory_order_relaxed) & bits) != bits) {
    shared.fetch_or(bits, std::memory_order_relaxed);
  }
}

std::array<uint64_t, 2> address_words(const Address& client) noexcept {
  if (client.kind == Address::kLocalSocket) return kLocalSocket;
  std::array<uint64_t, 2> words = kNoAddress;
  if (client.kind == Address::kIp) std::memcpy(words.data(), client.bytes.data(), sizeof words);
  return words;
}

Address address_of(const uint64_t* words) noexcept {
  Address address;
  std::array<uint64_t, 2> both = {words[0], words[1]};
  if (both == kNoAddress) return address;
  address.kind = both == kLocalSocket ? Address::kLocalSocket : Address::kIp;
  if (address.kind == Address::kIp) std::memcpy(address.bytes.data(), both.data(), sizeof both);
  return address;
}

}  // namespace

void encode_usage_header(const UsageHeader& header, char* slot) noexcept {
  SlotWords words{};
  words[kMagicWord] = kMagic;
  words[kSinceWord] = static_cast<uint64_t>(header.since_unix_s);
  std::memcpy(&words[kStoreIdWord], header.store_id.data(), header.store_id.size());
  words[kFileIdWord] = header.file_id;
  std::memcpy(slot, words.data(), sizeof words);
}

bool decode_usage_header(std::string_view slot, UsageHeader* header) noexcept {
  SlotWords words;
  if (slot.size() != sizeof words) return false;
  std::memcpy(words.data(), slot.data(), sizeof words);
  if (words[kMagicWord] != kMagic || words[kSinceWord] > uint64_t{INT64_MAX}) return false;
  header->since_unix_s = static_cast<int64_t>(words[kSinceWord]);
  std::memcpy(header->store_id.data(), &words[kStoreIdWord], header->store_id.size());
  header->file_id = words[kFileIdWord];
  return true;
}

bool decode_usage_slot(std::string_view slot, const UsageBounds& bounds, UsageSlot* usage) noexcept {
  SlotWords words;
  if (slot.size() != sizeof words) return false;
  std::memcpy(words.data(), slot.data(), sizeof words);
  *usage = UsageSlot();
  if (words == SlotWords{}) return true;
  usage->count = words[kCount] & ~(kUnlisted | kWrites);
  if (usage->count == 0 || usage->count > kMostUses) return false;
  if (words[kLast] > uint64_t{INT64_MAX}) return false;
  usage->last_unix_s = static_cast<int64_t>(words[kLast]);
  if (usage->last_unix_s < bounds.least_unix_s || usage->last_unix_s > bounds.most_unix_s) return false;
  usage->last_address = address_of(&words[kAddress]);
  usage->used.acls = AclSet::from_bytes(slot.substr(kAcls * sizeof(uint64_t)));
  usage->used.unlisted = (words[kCount] & kUnlisted) != 0;
  usage->used.writes = (words[kCount] & kWrites) != 0;
  return bounds.acls.contains(usage->used.acls);
}

void add_usage_slot(const char* more, char* slot) noexcept {
  SlotWords from;
  SlotWords to;
  std::memcpy(from.data(), more, sizeof from);
  std::memcpy(to.data(), slot, sizeof to);
  constexpr uint64_t kFlags = kUnlisted | kWrites;
  // A slot whose uses are counted elsewhere still holds what they were.
  if ((from[kCount] & ~kFlags) == 0) return;
  // Neither can reach the flags, nor can the sum.
  uint64_t count = std::min((from[kCount] & ~kFlags) + (to[kCount] & ~kFlags), kMostUses + 1);
  to[kCount] = count | ((from[kCount] | to[kCount]) & kFlags);
  to[kLast] = from[kLast];
  for (size_t i = kAddress; i < kAcls; ++i) to[i] = from[i];
  for (size_t i = kAcls; i < kWords; ++i) to[i] |= from[i];
  std::memcpy(slot, to.data(), sizeof to);
}

std::unique_ptr<UsageMap> UsageMap::open(const std::string& file) noexcept {
  struct stat now {};
  Descriptor descriptor(open_usage(file, O_RDWR, &now));
  return descriptor.get() < 0 ? nullptr : open(descriptor.get(), file);
}

std::unique_ptr<UsageMap> UsageMap::open(int descriptor, const std::string& file) noexcept {
  std::unique_ptr<UsageMap> usage(new (std::nothrow) UsageMap());
  struct stat now {};
  UsageHeader header;
  if (usage == nullptr || fstat(descriptor, &now) != 0 || !read_usage_header(descriptor, &header)) {
    return nullptr;
  }
  usage->file_ = file;
  usage->device_ = now.st_dev;
  usage->inode_ = now.st_ino;
  usage->file_bytes_ = now.st_size;
  size_t bytes =
      static_cast<size_t>(std::min(now.st_size, static_cast<off_t>(kMostUsageSlots * kUsageSlotBytes)));
  size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  size_t mapped = (bytes + page - 1) / page * page;
  void* map = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (map == MAP_FAILED) return nullptr;
  usage->words_ = static_cast<uint64_t*>(map);
  usage->mapped_bytes_ = mapped;
  usage->slots_ = bytes / kUsageSlotBytes;
  madvise(map, mapped, MADV_RANDOM);
  // Without a guard a file cut short would end the worker.
  return usage->guard_.watch(map, mapped, true) ? std::move(usage) : nullptr;
}

UsageMap::~UsageMap() {
  guard_.release();
  if (words_ != nullptr) munmap(words_, mapped_bytes_);
}

bool UsageMap::is_current() const noexcept {
  struct stat now {};
  return !guard_.was_hit() && stat(file_.c_str(), &now) == 0 && now.st_dev == device_ &&
         now.st_ino == inode_ && now.st_size == file_bytes_;
}

uint64_t* UsageMap::slot(uint64_t token_id) const noexcept {
  return token_id == 0 || token_id >= slots_ ? nullptr : words_ + token_id * kWords;
}

void UsageMap::record(uint64_t token_id, int64_t now_unix_s, const Address& client, const Use& use) noexcept {
  uint64_t* words = slot(token_id);
  if (words == nullptr) return;
  store_if_new(words[kLast], static_cast<uint64_t>(now_unix_s));
  std::array<uint64_t, 2> address = address_words(client);
  store_if_new(words[kAddress], address[0]);
  store_if_new(words[kAddress + 1], address[1]);
  for (size_t i = 0; i < use.acls.words().size(); ++i) add_bits(words[kAcls + i], use.acls.words()[i]);
  add_bits(words[kCount], (use.unlisted ? kUnlisted : 0) | (use.writes ? kWrites : 0));
  // Last, for copy(): whoever sees the count sees what was counted.
  std::atomic_ref(words[kCount]).fetch_add(1, std::memory_order_release);
}

void UsageMap::prefetch(uint64_t token_id) const noexcept {
  if (const uint64_t* words = slot(token_id)) __builtin_prefetch(words, 1);
}

uint64_t UsageMap::copy(uint64_t token_id, char* slot) const noexcept {
  const uint64_t* words = this->slot(token_id);
  if (words == nullptr) return 0;
  SlotWords copied;
  const uint64_t count = std::atomic_ref(words[kCount]).load(std::memory_order_acquire);
  for (size_t i = 0; i < kWords; ++i) copied[i] = std::atomic_ref(words[i]).load(std::memory_order_relaxed);
  copied[kCount] = count;
  std::memcpy(slot, copied.data(), sizeof copied);
  return copied[kCount] & ~(kUnlisted | kWrites);
}

void UsageMap::settle(uint64_t token_id, uint64_t count) noexcept {
  uint64_t* words = slot(token_id);
  if (words == nullptr) return;
  std::atomic_ref shared(words[kCount]);
  uint64_t now = shared.load(std::memory_order_relaxed);
  // A slot that was cleared meanwhile has none to take off.
  while ((now & ~(kUnlisted | kWrites)) >= count &&
         !shared.compare_exchange_weak(now, now - count, std::memory_order_relaxed)) {
  }
}

std::atomic_ref<uint64_t> UsageMap::free_word(size_t index) const noexcept {
  return std::atomic_ref(words_[kFreeWord + index]);
}

}  // namespace tokengate
