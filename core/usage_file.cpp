// Makes and extends usage.map, and reads it together with its buffer.
#include "usage_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "hash.h"

namespace tokengate {
namespace {

// Room is given in large steps, and well before it is needed: workers look for it once a second. The file is
// sparse, so that room costs nothing.
constexpr uint64_t kStepSlots = 65'536;
constexpr uint64_t kRoomSlots = kStepSlots / 2;
constexpr size_t kPartSlots = 1024;

off_t bytes_for(uint64_t next_id) noexcept {
  uint64_t slots = (next_id + kRoomSlots + kStepSlots - 1) / kStepSlots * kStepSlots;
  return static_cast<off_t>(slots * kUsageSlotBytes);
}

void clear(int file, off_t begin, off_t end) noexcept {
  if (begin >= end) return;
  if (fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, begin, end - begin) == 0) return;
  const char zeros[kUsageSlotBytes * kPartSlots] = {};
  while (begin < end) {
    ssize_t written = pwrite(file, zeros, std::min(sizeof zeros, static_cast<size_t>(end - begin)), begin);
    if (written <= 0) return;
    begin += written;
  }
}

/// Made beside its place and moved there, so that no worker sees half of it.
void make_file(const std::string& path, const UsageNeeds& needs, gid_t group) {
  std::string made = path + ".new";
  unlink(made.c_str());
  Descriptor file(open(made.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) return;
  char slot[kUsageSlotBytes];
  UsageHeader header{needs.store_id, needs.now_unix_s, 0};
  if (!random_bytes({reinterpret_cast<uint8_t*>(&header.file_id), sizeof header.file_id})) return;
  encode_usage_header(header, slot);
  bool done = fchown(file.get(), static_cast<uid_t>(-1), group) == 0 && fchmod(file.get(), kUsageMode) == 0 &&
              ftruncate(file.get(), bytes_for(needs.next_id)) == 0 &&
              pwrite(file.get(), slot, sizeof slot, 0) == static_cast<ssize_t>(sizeof slot) &&
              rename(made.c_str(), path.c_str()) == 0;
  if (!done) unlink(made.c_str());
}

std::string mode_text(mode_t mode) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode & 07777));
  return text;
}

}  // namespace

void keep_usage_file(const std::string& store_path, UsageNeeds needs) {
  struct stat data {};
  if (stat((store_path + "/data.mdb").c_str(), &data) != 0) return;
  std::string path = usage_file(store_path);
  needs.first_new_id = std::min(needs.first_new_id, kMostUsageSlots);
  needs.next_id = std::min(needs.next_id, kMostUsageSlots);
  struct stat now {};
  Descriptor file(open_usage(path, O_RDWR, &now));
  UsageHeader header;
  if (file.get() < 0 || !read_usage_header(file.get(), &header) || header.store_id != needs.store_id) {
    return make_file(path, needs, data.st_gid);
  }
  const auto begin = static_cast<off_t>(needs.first_new_id * kUsageSlotBytes);
  const auto end = static_cast<off_t>(needs.next_id * kUsageSlotBytes);
  if (begin < end) {
    UsageLock lock(file.get(), UsageLock::Wait::kBriefly);
    struct stat buffer_now {};
    Descriptor buffer(open_usage_buffer(header, now, O_RDWR, &buffer_now));
    if (buffer.get() >= 0) clear(buffer.get(), begin, std::min(end, buffer_now.st_size));
    clear(file.get(), begin, std::min(end, now.st_size));
  }
  if (now.st_size < static_cast<off_t>((needs.next_id + kRoomSlots) * kUsageSlotBytes)) {
    if (ftruncate(file.get(), bytes_for(needs.next_id)) != 0) return;
  }
  if (now.st_gid != data.st_gid && fchown(file.get(), static_cast<uid_t>(-1), data.st_gid) != 0) return;
  if ((now.st_mode & 07777) != kUsageMode) fchmod(file.get(), kUsageMode);
}

UsageFile::UsageFile(const std::string& store_path, const StoreId& store_id) {
  std::string path = usage_file(store_path);
  struct stat now {};
  file_ = Descriptor(open_usage(path, O_RDONLY, &now));
  if (file_.get() < 0) {
    problem_ = errno == ENOENT   ? "there is no " + path + "; the next change of the store makes it"
               : errno == EINVAL ? path + " is not a plain file; remove it, and the next change makes it"
                                 : path + " cannot be read: " + std::strerror(errno);
    return;
  }
  readable_ = read_usage_header(file_.get(), &header_) && header_.store_id == store_id;
  if (!readable_) {
    problem_ = path + " is not a usage map of this store; the next change replaces it";
    return;
  }
  slots_ = static_cast<uint64_t>(now.st_size) / kUsageSlotBytes;
  struct stat buffer_now {};
  buffer_ = Descriptor(open_usage_buffer(header_, now, O_RDONLY, &buffer_now));
  if (buffer_.get() < 0 && errno != ENOENT && errno != EINVAL) {
    readable_ = false;
    problem_ = "the newest notes cannot be read, from " + usage_buffer_file(header_, now.st_ino) + ": " +
               std::strerror(errno) + "; be in the group of " + path;
    return;
  }
  struct stat data {};
  if (stat((store_path + "/data.mdb").c_str(), &data) != 0) return;
  if ((now.st_mode & kUsageMode) != kUsageMode || now.st_gid != data.st_gid) {
    problem_ = "workers cannot write " + path + " (mode " + mode_text(now.st_mode) +
               "); the next change of the store by its owner sets mode 0660 and the group of data.mdb";
  }
}

const char* UsageFile::Part::slot(uint64_t index) const {
  size_t begin = index * kUsageSlotBytes;
  return begin + kUsageSlotBytes <= bytes.size() ? bytes.data() + begin : nullptr;
}

void UsageFile::read_part(int file, Part* part) const {
  part->bytes.resize(kPartSlots * kUsageSlotBytes);
  ssize_t got = file < 0 ? 0
                         : pread(file, part->bytes.data(), part->bytes.size(),
                                 static_cast<off_t>(first_ * kUsageSlotBytes));
  part->bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
}

bool UsageFile::read(uint64_t token_id, const UsageBounds& bounds, UsageSlot* usage) {
  if (!readable_ || token_id == 0 || token_id >= slots_) return false;
  uint64_t first = token_id / kPartSlots * kPartSlots;
  if (first != first_) {
    first_ = first;
    UsageLock lock(file_.get(), wait_);
    // Who does not let go of it once is not waited for again.
    if (!lock.held()) wait_ = UsageLock::Wait::kNo;
    read_part(file_.get(), &noted_);
    read_part(buffer_.get(), &buffered_);
  }
  const char* noted = noted_.slot(token_id - first);
  if (noted == nullptr) return false;
  char slot[kUsageSlotBytes];
  std::copy_n(noted, sizeof slot, slot);
  const char* more = buffered_.slot(token_id - first);
  if (more != nullptr) add_usage_slot(more, slot);
  return decode_usage_slot({slot, sizeof slot}, bounds, usage);
}

}  // namespace tokengate
