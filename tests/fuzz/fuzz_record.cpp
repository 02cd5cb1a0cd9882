// Any bytes as a record of the store: what is accepted is written back as the same bytes, and refused as soon
// as a single bit of it is another.
//
// Input: a byte that says which kind, and whether the check value is to be made right; then the record.
#include "fuzz.h"

// Not its header, for check_value(): no record made of random bytes would ever pass it.
#include "record.cpp"  // NOLINT(bugprone-suspicious-include)

namespace {

using namespace tokengate;

// The check value of these is made right for an empty key.
bool decode(std::string_view bytes, CatalogRecord* record) {
  return decode({}, bytes, record);
}
bool decode(std::string_view bytes, AclRecord* record) {
  return decode({}, bytes, record);
}
std::string encode(const CatalogRecord& record) {
  return encode({}, record);
}
std::string encode(const AclRecord& record) {
  return encode({}, record);
}

template <class Record>
void try_record(const std::string& bytes) {
  Record record;
  if (!decode(Exact(bytes).view(), &record)) return;
  Exact kept(bytes);
  require(decode(kept.view(), &record), "decodes twice");
  require(encode(record) == bytes, "another byte form");
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    Record other;
    require(!decode(flipped, &other), "a flipped bit goes unseen");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0 || size > 1024) return 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & 8) == 0 && bytes.size() >= kHeadBytes) {
    bool is_keyed = bytes[1] == 'C' || bytes[1] == 'L';
    uint64_t check = check_value(bytes, is_keyed ? seed_of({}) : 0);
    bytes.replace(kCheckOffset, sizeof check, reinterpret_cast<const char*>(&check), sizeof check);
  }
  switch (data[0] % 5) {
    case 0:
      try_record<TokenRecord>(bytes);
      break;
    case 1:
      try_record<TokenNameRecord>(bytes);
      break;
    case 2:
      try_record<AccountRecord>(bytes);
      break;
    case 3:
      try_record<CatalogRecord>(bytes);
      try_record<AclRecord>(bytes);
      break;
    default:
      try_record<JournalRecord>(bytes);
  }
  uint32_t account = 0;
  Service service{};
  std::string_view name;
  if (parse_token_name_key(bytes, &account, &service, &name)) {
    require(token_name_key(account, service, name) == bytes, "another key");
  }
  return 0;
}
