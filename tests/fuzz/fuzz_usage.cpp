// Any bytes as usage.map: what is made of a header and a slot is what a plain reading of them says; and a
// file full of them is read, written by a worker and taken over by a change of the store without harm.
//
// Input: a byte of choices, a byte that bounds the times, and then the file. The choices: a header that fits
// instead of the file's own, few registered ACLs, the file part too.
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "fuzz.h"
#include "usage.h"
#include "usage_file.h"

namespace {

using namespace tokengate;

enum Choice : uint8_t { kOwnHeader = 1, kFewAcls = 2, kWholeFile = 4 };

const StoreId kStoreId = {7, 7, 7};
constexpr uint64_t kFirstNewId = 3;
constexpr uint64_t kNextId = 5;

uint64_t word_at(std::string_view slot, size_t index) {
  uint64_t word = 0;
  std::memcpy(&word, slot.data() + index * sizeof word, sizeof word);
  return word;
}

/// Whether a slot can be what workers wrote within the bounds, and how often they did.
bool plausible(std::string_view slot, const UsageBounds& bounds, uint64_t* count) {
  *count = 0;
  if (slot.find_first_not_of('\0') == std::string_view::npos) return true;
  uint64_t last = word_at(slot, 0);
  *count = word_at(slot, 1) & ~(uint64_t{3} << 62);
  bool known = true;
  for (unsigned acl = 0; acl < 256; ++acl) {
    bool used = (word_at(slot, 4 + acl / 64) >> acl % 64 & 1) != 0;
    known = known && (!used || bounds.acls.has(static_cast<uint8_t>(acl)));
  }
  return *count > 0 && *count < uint64_t{1} << 48 && last >= static_cast<uint64_t>(bounds.least_unix_s) &&
         last <= static_cast<uint64_t>(bounds.most_unix_s) && known;
}

void try_slot(std::string_view bytes, const UsageBounds& bounds) {
  Exact slot(bytes);
  UsageSlot usage;
  bool decoded = decode_usage_slot(slot.view(), bounds, &usage);
  if (bytes.size() != kUsageSlotBytes) return require(!decoded, "a slot of another size");
  uint64_t count = 0;
  require(decoded == plausible(bytes, bounds, &count), "taken for what it is not");
  if (!decoded) return;
  require(usage.count == count, "another count");
  if (count == 0) return;
  require(usage.last_unix_s == static_cast<int64_t>(word_at(bytes, 0)), "another time");
  require(usage.used.unlisted == ((word_at(bytes, 1) >> 62 & 1) != 0), "another use of unlisted calls");
  require(usage.used.writes == (word_at(bytes, 1) >> 63 != 0), "another use of writing calls");
  for (size_t i = 0; i < 4; ++i) {
    require(usage.used.acls.words()[i] == word_at(bytes, 4 + i), "other ACLs");
  }
}

/// One slot's uses after another's.
void try_sum(std::string_view one, std::string_view other, const UsageBounds& bounds) {
  if (one.size() != kUsageSlotBytes || other.size() != kUsageSlotBytes) return;
  std::string sum(one);
  add_usage_slot(Exact(other).view().data(), sum.data());
  UsageSlot first;
  UsageSlot second;
  UsageSlot both;
  bool known = decode_usage_slot(sum, bounds, &both);
  if (!decode_usage_slot(one, bounds, &first) || !decode_usage_slot(other, bounds, &second)) return;
  if (second.count == 0) return require(sum == one, "nothing added, and yet a change");
  require(known == (first.count + second.count < uint64_t{1} << 48), "a sum that cannot be");
  if (!known) return;
  AclSet acls = first.used.acls;
  for (unsigned acl = 0; acl < 256; ++acl) {
    if (second.used.acls.has(static_cast<uint8_t>(acl))) acls.add(static_cast<uint8_t>(acl));
  }
  require(both.count == first.count + second.count && both.used.acls == acls &&
              both.last_unix_s == second.last_unix_s &&
              both.used.writes == (first.used.writes || second.used.writes),
          "another sum");
}

bool try_header(std::string_view bytes) {
  UsageHeader header;
  if (!decode_usage_header(Exact(bytes).view(), &header)) return false;
  char again[kUsageSlotBytes];
  encode_usage_header(header, again);
  require(bytes.substr(0, 40) == std::string_view(again, 40), "another header");
  return true;
}

// In the folder for temporary files, which tests/fuzz/run puts into memory and removes. A store only needs to
// have a data file for its owner and its group.
std::string new_store() {
  std::string path = (std::filesystem::temp_directory_path() / "tokengate-fuzz-XXXXXX").string();
  require(mkdtemp(path.data()) != nullptr, "a temporary folder");
  std::ofstream(path + "/data.mdb") << "";
  return path;
}

bool read_slot(const std::string& store, uint64_t token_id, const UsageBounds& bounds, UsageSlot* usage) {
  return UsageFile(store, kStoreId).read(token_id, bounds, usage);
}

/// A worker adds a use to whatever the slot holds.
void try_note(const std::string& store, std::string_view file, uint64_t token_id, const UsageBounds& bounds) {
  std::unique_ptr<UsageMap> map = UsageMap::open(usage_file(store));
  if (map == nullptr) return;
  Use use;
  use.acls.add(kAclAll);
  map->prefetch(token_id);
  map->record(token_id, bounds.most_unix_s, {}, use);
  require(map->is_current(), "a map that is not of its file");
  size_t begin = token_id * kUsageSlotBytes;
  if (file.size() < begin + kUsageSlotBytes) return;
  UsageSlot before;
  if (!decode_usage_slot(file.substr(begin, kUsageSlotBytes), bounds, &before)) return;
  UsageSlot after;
  if (!read_slot(store, token_id, bounds, &after)) return;  // of another store, or counted too far
  require(after.count == before.count + 1 && after.last_unix_s == bounds.most_unix_s &&
              after.used.acls.has(kAclAll),
          "a use that was not noted");
}

void try_file(const std::string& store, std::string_view file, const UsageBounds& bounds) {
  std::ofstream(usage_file(store), std::ios::binary)
      .write(file.data(), static_cast<std::streamsize>(file.size()));
  bool is_ours = false;
  {
    UsageFile usage(store, kStoreId);
    is_ours = usage.is_readable();
    UsageHeader header;
    require(is_ours == (file.size() >= kUsageSlotBytes &&
                        decode_usage_header(file.substr(0, kUsageSlotBytes), &header) &&
                        header.store_id == kStoreId),
            "taken for a map of this store");
    require(is_ours || !usage.problem().empty(), "a problem untold");
    for (uint64_t id : {uint64_t{0}, uint64_t{1}, uint64_t{2}, uint64_t{9}, kMostUsageSlots, UINT64_MAX}) {
      UsageSlot as_read;
      UsageSlot decoded;
      bool has_slot = is_ours && id > 0 && id < file.size() / kUsageSlotBytes;
      bool known =
          has_slot && decode_usage_slot(file.substr(id * kUsageSlotBytes, kUsageSlotBytes), bounds, &decoded);
      require(usage.read(id, bounds, &as_read) == known, "read as what it is not");
      require(!known || as_read.count == decoded.count, "read with another count");
    }
  }
  try_note(store, file, 1, bounds);
  UsageSlot noted;
  bool known = read_slot(store, 1, bounds, &noted);
  keep_usage_file(store, {kStoreId, kFirstNewId, kNextId, 1'700'000'000});
  UsageFile kept(store, kStoreId);
  require(kept.is_readable() && kept.slots() > kNextId, "not made fit by a change of the store");
  UsageSlot slot;
  for (uint64_t id = kFirstNewId; id < kNextId; ++id) {
    require(kept.read(id, bounds, &slot) && slot.count == 0, "a new token that seems used");
  }
  if (is_ours && known) require(kept.read(1, bounds, &slot) && slot.count == noted.count, "a note lost");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string store = new_store();
  if (size < 2 || size > 1024) return 0;
  std::string file(reinterpret_cast<const char*>(data) + 2, size - 2);
  UsageBounds bounds;
  bounds.least_unix_s = data[1] % 16;
  bounds.most_unix_s = data[1] < 128 ? 1'700'000'000 : INT64_MAX;
  for (unsigned acl = 0; acl < 256; ++acl) {
    if ((data[0] & kFewAcls) == 0 || acl < 3) bounds.acls.add(static_cast<uint8_t>(acl));
  }
  if ((data[0] & kOwnHeader) == 0 && file.size() >= kUsageSlotBytes) {
    encode_usage_header({kStoreId, 1}, file.data());
  }
  for (size_t at = 0; at < file.size(); at += kUsageSlotBytes) {
    std::string_view slot = std::string_view(file).substr(at, kUsageSlotBytes);
    if (!try_header(slot)) try_slot(slot, bounds);
    try_sum(slot, std::string_view(file).substr(0, kUsageSlotBytes), bounds);
  }
  if ((data[0] & kWholeFile) != 0) try_file(store, file, bounds);
  return 0;
}
