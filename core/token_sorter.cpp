// Sorting by distribution: records go to the bucket of their key's first bits, and each bucket is sorted in
// memory when its turn comes.
#include "token_sorter.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "admin_impl.h"

namespace tokengate {
namespace {

/// Stands before each record.
struct EntryHead {
  TokenKey key;
  uint64_t line;
  uint64_t size;
};

[[noreturn]] void fail(const std::string& folder) {
  throw Failure{{Code::kStore, "cannot use a file in " + folder + " to sort in: " + std::strerror(errno) +
                                   "; make room there"}};
}

}  // namespace

TokenSorter::TokenSorter(std::string folder, size_t memory_bytes)
    : folder_(std::move(folder)), memory_bytes_(memory_bytes) {}

TokenSorter::~TokenSorter() {
  if (file_ >= 0) close(file_);
}

void TokenSorter::add(TokenKey key, uint64_t line, std::string_view record) {
  EntryHead head{key, line, record.size()};
  std::string& bytes = buckets_[key >> 56].bytes;
  bytes.append(reinterpret_cast<const char*>(&head), sizeof head).append(record);
  held_bytes_ += sizeof head + record.size();
  if (held_bytes_ > memory_bytes_) spill();
}

void TokenSorter::spill() {
  if (file_ < 0) {
    std::string name = folder_ + "/.sort-XXXXXX";
    file_ = mkostemp(name.data(), O_CLOEXEC);
    if (file_ < 0) fail(folder_);
    unlink(name.c_str());
  }
  for (Bucket& bucket : buckets_) {
    bucket.chunks.push_back({file_bytes_, bucket.bytes.size()});
    for (size_t done = 0; done < bucket.bytes.size();) {
      ssize_t n = pwrite(file_, bucket.bytes.data() + done, bucket.bytes.size() - done,
                         static_cast<off_t>(file_bytes_));
      if (n < 0) fail(folder_);
      done += static_cast<size_t>(n);
      file_bytes_ += static_cast<uint64_t>(n);
    }
    bucket.bytes.clear();
  }
  held_bytes_ = 0;
}

std::string TokenSorter::contents(const Bucket& bucket) const {
  std::string bytes;
  for (const Chunk& chunk : bucket.chunks) {
    size_t at = bytes.size();
    bytes.resize(at + chunk.size);
    for (size_t done = 0; done < chunk.size;) {
      ssize_t n =
          pread(file_, bytes.data() + at + done, chunk.size - done, static_cast<off_t>(chunk.offset + done));
      if (n <= 0) fail(folder_);
      done += static_cast<size_t>(n);
    }
  }
  return bytes.append(bucket.bytes);
}

void TokenSorter::for_each(const Visit& visit) const {
  struct Place {
    TokenKey key;
    size_t at;
  };
  for (const Bucket& bucket : buckets_) {
    std::string bytes = contents(bucket);
    std::vector<Place> places;
    auto head_at = [&](size_t at) {
      EntryHead head;
      std::memcpy(&head, bytes.data() + at, sizeof head);
      return head;
    };
    for (size_t at = 0; at < bytes.size();) {
      EntryHead head = head_at(at);
      places.push_back({head.key, at});
      at += sizeof head + head.size;
    }
    std::sort(places.begin(), places.end(),
              [](const Place& a, const Place& b) { return a.key != b.key ? a.key < b.key : a.at < b.at; });
    for (const Place& place : places) {
      EntryHead head = head_at(place.at);
      visit(head.key, head.line, std::string_view(bytes).substr(place.at + sizeof head, head.size));
    }
  }
}

}  // namespace tokengate
