// Keeps catalog rows between requests.
#include "catalog_cache.h"

#include <cstring>

namespace tokengate {

CatalogCache::Entry& CatalogCache::place(const RoutedCall& call) noexcept {
  // Any spread will do: the whole call is compared. The ends of names differ more than their beginnings.
  auto end_of = [](std::string_view text) {
    uint64_t word = 0;
    size_t size = text.size() < sizeof word ? text.size() : sizeof word;
    if (size > 0) std::memcpy(&word, text.data() + text.size() - size, size);
    return word + text.size();
  };
  uint64_t mixed = (end_of(call.module) * 31 + end_of(call.function)) * 0x9E3779B97F4A7C15U;
  return entries_[mixed >> 57];
}

bool CatalogCache::find(const SnapshotId& snapshot, const RoutedCall& call, CatalogRecord* row) noexcept {
  if (snapshot != snapshot_) {
    snapshot_ = snapshot;
    ++generation_;
  }
  const Entry& entry = place(call);
  std::string_view bytes(entry.bytes, sizeof entry.bytes);
  if (entry.generation != generation_ || entry.api != call.api ||
      bytes.substr(0, entry.module_bytes) != call.module ||
      bytes.substr(entry.module_bytes, entry.function_bytes) != call.function) {
    return false;
  }
  row->wrapper = entry.wrapper;
  row->unlisted = entry.unlisted;
  row->read = entry.read;
  row->acls = bytes.substr(size_t{entry.module_bytes} + entry.function_bytes, entry.acls_bytes);
  return true;
}

void CatalogCache::keep(const RoutedCall& call, const CatalogRecord& row) noexcept {
  Entry& entry = place(call);
  if (call.module.size() + call.function.size() + row.acls.size() > sizeof entry.bytes) return;
  entry.generation = generation_;
  entry.api = call.api;
  entry.wrapper = row.wrapper;
  entry.unlisted = row.unlisted;
  entry.read = row.read;
  entry.module_bytes = static_cast<uint16_t>(call.module.size());
  entry.function_bytes = static_cast<uint16_t>(call.function.size());
  entry.acls_bytes = static_cast<uint16_t>(row.acls.size());
  char* end = entry.bytes;
  for (std::string_view part : {call.module, call.function, row.acls}) end += part.copy(end, part.size());
}

}  // namespace tokengate
