// Any bytes as usage.map: what is made of a header and a slot is what a plain reading of them says; and a
// file full of them is read, written by a worker and taken over by a change of the store without harm. As the
// buffer in memory of a store that is served, they change no decision.
//
// Input: a byte of choices, a byte that bounds the times, and then the file. The choices: a header that fits
// instead of the file's own, few registered ACLs, the file part too, the buffer part too, a buffer of an
// older usage.map of the store.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "fuzz.h"
#include "tokengate/admin.h"
#include "usage.h"
#include "usage_file.h"
#include "usage_io.h"

namespace {

using namespace tokengate;

enum Choice : uint8_t { kOwnHeader = 1, kFewAcls = 2, kWholeFile = 4, kBuffer = 8, kOtherFile = 16 };

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

// In the folder for temporary files, which tests/fuzz/run puts into memory and removes.
std::string new_folder() {
  std::string path = (std::filesystem::temp_directory_path() / "tokengate-fuzz-XXXXXX").string();
  require(mkdtemp(path.data()) != nullptr, "a temporary folder");
  return path;
}

// It only needs to have a data file for its owner and its group.
std::string new_store() {
  std::string path = new_folder();
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

/// At most a page of it: an input is shorter.
std::string beginning_of(const std::string& file) {
  std::string bytes(4096, '\0');
  std::ifstream stream(file, std::ios::binary);
  stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<size_t>(stream.gcount()));
  return bytes;
}

/// A store with one token, and where the buffer of its usage.map would be.
struct ServedStore {
  ServedStore() : path(new_folder() + "/store"), secret("a-secret-that-stays-so") {
    const Change change = {"fuzz", 1'600'000'000};
    require(create_store({path, ""}, change).ok(), "a store");
    Admin admin = std::move(Admin::open(path, Admin::Access::kReadWrite).value);
    require(admin.create_account(change, {"shop", "", {{"all"}, {}}}).status.ok(), "an account");
    NewToken token = {.account = "shop", .name = "ci", .full_access = true, .secret = secret};
    require(admin.create_token(change, token).status.ok(), "a token");
    Descriptor file(open_usage(usage_file(path), O_RDWR, &usage_map));
    require(read_usage_header(file.get(), &header), "a usage.map");
    buffer = usage_buffer_file(header, usage_map.st_ino);
    notes = beginning_of(usage_file(path));
  }

  bool grants(Reader& reader, const std::string& text) const {
    const std::string_view needed[] = {"all"};
    const std::string authorization = "Bearer " + text;
    Rules rules;
    rules.required_acls = needed;
    Connection connection;
    connection.tls = true;
    connection.now_unix_s = 1'700'000'000;
    Call call;
    call.method = "GET";
    call.wire_path = call.served_path = "/x";
    const Credentials credentials =
        reader.read_credentials(rules, {.authorization = authorization, .authorization_count = 1});
    return reader.verify(rules, credentials, connection, call).outcome == Outcome::kGranted;
  }

  std::string path;
  std::string secret;
  std::string buffer;
  struct stat usage_map {};
  UsageHeader header;
  std::string notes;  ///< as they were, at the beginning
};

/// A process that has ended may have left anything there, and anybody may have put it there.
void try_buffer(std::string file, uint8_t choices) {
  static const ServedStore store;
  if ((choices & kOwnHeader) == 0 && file.size() >= kUsageSlotBytes) {
    UsageHeader header = store.header;
    if ((choices & kOtherFile) != 0) ++header.file_id;
    encode_usage_header(header, file.data());
  }
  {
    const Descriptor made(open(store.buffer.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kUsageMode));
    require(fchown(made.get(), static_cast<uid_t>(-1), store.usage_map.st_gid) == 0 &&
                fchmod(made.get(), kUsageMode) == 0 &&
                write(made.get(), file.data(), file.size()) == static_cast<ssize_t>(file.size()),
            "a buffer");
  }
  {
    Verifier verifier(store.path);
    require(verifier.maintain(), "the store is not open");
    Reader reader(verifier);
    require(store.grants(reader, store.secret), "a good token refused");
    require(!store.grants(reader, "a-secret-of-nobody"), "an unknown token granted");
    require(verifier.maintain(), "the store is not open any more");
  }
  UsageHeader header;
  const bool is_ours = file.size() >= kUsageSlotBytes &&
                       decode_usage_header(file.substr(0, kUsageSlotBytes), &header) &&
                       header.store_id == store.header.store_id && header.file_id == store.header.file_id;
  require(is_ours || beginning_of(store.buffer) == file, "somebody else's file was changed");
  const std::string notes = beginning_of(usage_file(store.path));
  require(
      notes.substr(0, kUsageSlotBytes) == store.notes.substr(0, kUsageSlotBytes) &&
          std::filesystem::file_size(usage_file(store.path)) == static_cast<size_t>(store.usage_map.st_size),
      "usage.map is another");
  unlink(store.buffer.c_str());
  const Descriptor usage_map(open(usage_file(store.path).c_str(), O_WRONLY | O_CLOEXEC));
  require(pwrite(usage_map.get(), store.notes.data(), store.notes.size(), 0) ==
              static_cast<ssize_t>(store.notes.size()),
          "usage.map as it was");
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
  if ((data[0] & kBuffer) != 0) try_buffer(file, data[0]);
  return 0;
}
