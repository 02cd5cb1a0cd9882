// Makes, extends and reads usage.map.
#include "usage_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace tokengate {
namespace {

constexpr mode_t kMode = 0660;
// Room is given in large steps, and well before it is needed: workers look for it once a second. The file is
// sparse, so that room costs nothing.
constexpr uint64_t kStepSlots = 65'536;
constexpr uint64_t kRoomSlots = kStepSlots / 2;
constexpr size_t kPartSlots = 1024;

class Descriptor {
 public:
  explicit Descriptor(int file) noexcept : file_(file) {}
  ~Descriptor() {
    if (file_ >= 0) close(file_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const noexcept { return file_; }

 private:
  int file_;
};

/// Opens what lies there without waiting for it and without following it elsewhere.
int open_usage(const std::string& path, int access, struct stat* now) noexcept {
  int file = open(path.c_str(), access | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file >= 0 && (fstat(file, now) != 0 || !S_ISREG(now->st_mode))) {
    close(file);
    file = -1;
    errno = EINVAL;
  }
  return file;
}

bool read_header(int file, UsageHeader* header) noexcept {
  char slot[kUsageSlotBytes];
  return pread(file, slot, sizeof slot, 0) == static_cast<ssize_t>(sizeof slot) &&
         decode_usage_header({slot, sizeof slot}, header);
}

off_t bytes_for(uint64_t next_id) noexcept {
  uint64_t slots = (next_id + kRoomSlots + kStepSlots - 1) / kStepSlots * kStepSlots;
  return static_cast<off_t>(slots * kUsageSlotBytes);
}

/// Made beside its place and moved there, so that no worker sees half of it.
void make_file(const std::string& path, const UsageNeeds& needs, gid_t group) {
  std::string made = path + ".new";
  unlink(made.c_str());
  Descriptor file(open(made.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) return;
  char slot[kUsageSlotBytes];
  encode_usage_header({needs.store_id, needs.now_unix_s}, slot);
  bool done = fchown(file.get(), static_cast<uid_t>(-1), group) == 0 && fchmod(file.get(), kMode) == 0 &&
              ftruncate(file.get(), bytes_for(needs.next_id)) == 0 &&
              pwrite(file.get(), slot, sizeof slot, 0) == static_cast<ssize_t>(sizeof slot) &&
              rename(made.c_str(), path.c_str()) == 0;
  if (!done) unlink(made.c_str());
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
  if (file.get() < 0 || !read_header(file.get(), &header) || header.store_id != needs.store_id) {
    return make_file(path, needs, data.st_gid);
  }
  clear(file.get(), static_cast<off_t>(needs.first_new_id * kUsageSlotBytes),
        std::min(static_cast<off_t>(needs.next_id * kUsageSlotBytes), now.st_size));
  if (now.st_size < static_cast<off_t>((needs.next_id + kRoomSlots) * kUsageSlotBytes)) {
    if (ftruncate(file.get(), bytes_for(needs.next_id)) != 0) return;
  }
  if (now.st_gid != data.st_gid && fchown(file.get(), static_cast<uid_t>(-1), data.st_gid) != 0) return;
  if ((now.st_mode & 07777) != kMode) fchmod(file.get(), kMode);
}

UsageFile::UsageFile(const std::string& store_path, const StoreId& store_id) {
  std::string path = usage_file(store_path);
  struct stat now {};
  file_ = open_usage(path, O_RDONLY, &now);
  if (file_ < 0) {
    problem_ = errno == ENOENT   ? "there is no " + path + "; the next change of the store makes it"
               : errno == EINVAL ? path + " is not a plain file; remove it, and the next change makes it"
                                 : path + " cannot be read: " + std::strerror(errno);
    return;
  }
  readable_ = read_header(file_, &header_) && header_.store_id == store_id;
  if (!readable_) {
    problem_ = path + " is not a usage map of this store; the next change replaces it";
    return;
  }
  slots_ = static_cast<uint64_t>(now.st_size) / kUsageSlotBytes;
  struct stat data {};
  if (stat((store_path + "/data.mdb").c_str(), &data) != 0) return;
  if ((now.st_mode & kMode) != kMode || now.st_gid != data.st_gid) {
    problem_ = "workers cannot write " + path + " (mode " + mode_text(now.st_mode) +
               "); the next change of the store by its owner sets mode 0660 and the group of data.mdb";
  }
}

UsageFile::~UsageFile() {
  if (file_ >= 0) close(file_);
}

std::string_view UsageFile::slot(uint64_t token_id) {
  if (!readable_ || token_id == 0 || token_id >= slots_) return {};
  uint64_t first = token_id / kPartSlots * kPartSlots;
  if (part_.empty() || first != first_) {
    part_.resize(kPartSlots * kUsageSlotBytes);
    ssize_t got = pread(file_, part_.data(), part_.size(), static_cast<off_t>(first * kUsageSlotBytes));
    part_.resize(got > 0 ? static_cast<size_t>(got) : 0);
    first_ = first;
  }
  std::string_view part(part_.data(), part_.size());
  size_t begin = (token_id - first) * kUsageSlotBytes;
  return begin < part.size() ? part.substr(begin, kUsageSlotBytes) : std::string_view();
}

}  // namespace tokengate
