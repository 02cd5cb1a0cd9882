// A store's data file, damaged, before those who read LMDB's pages without LMDB: none of them reads a byte
// outside of it, and of the undamaged file they say what LMDB says.
//
// Input: what damage.h takes; what would lie behind the file damages LMDB's record of the table of tokens.
#include <fcntl.h>
#include <lmdb.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "damage.h"
#include "free_pages.h"
#include "fuzz.h"
#include "meta_pages.h"
#include "tokengate/admin.h"
#include "tree_check.h"
#include "tree_walk.h"

namespace {

using namespace tokengate;
using namespace tokengate::lmdb_layout;

void must(int code) {
  require(code == MDB_SUCCESS, mdb_strerror(code));
}

/// A store with tokens on two levels of pages, as LMDB reads it.
class Sample {
 public:
  Sample() {
    std::string path = (std::filesystem::temp_directory_path() / "tokengate-fuzz-XXXXXX").string();
    require(mkdtemp(path.data()) != nullptr, "a temporary folder");
    const Change change = {"fuzz", 1'800'000'000};
    require(create_store({path + "/store", ""}, change).ok(), "a store");
    {
      Admin admin = std::move(Admin::open(path + "/store", Admin::Access::kReadWrite).value);
      require(admin.create_account(change, {"shop", "", {{"all"}, {}}}).status.ok(), "an account");
      for (int i = 0; i < 80; ++i) {
        NewToken token = {.account = "shop", .name = "t" + std::to_string(i), .full_access = true};
        token.secret = "secret-of-token-" + std::to_string(i);
        require(admin.create_token(change, token).status.ok(), "a token");
      }
    }
    read(path + "/store/data.mdb");
  }

  size_t pages() const { return (bytes_.size() - kTableRecordBytes) / kPageBytes; }
  std::string& bytes() { return bytes_; }
  std::string_view record() const { return std::string_view(bytes_).substr(pages() * kPageBytes); }
  uint64_t commit() const { return commit_; }
  const std::map<uint64_t, std::string>& tokens() const { return tokens_; }

 private:
  void read(const std::string& file) {
    MDB_env* env = nullptr;
    MDB_txn* txn = nullptr;
    MDB_dbi main = 0, table = 0;
    MDB_cursor* cursor = nullptr;
    MDB_val name{6, const_cast<char*>("tokens")}, key{}, value{};
    must(mdb_env_create(&env));
    must(mdb_env_set_maxdbs(env, 8));
    must(mdb_env_open(env, file.c_str(), MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0));
    must(mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn));
    must(mdb_dbi_open(txn, nullptr, 0, &main));
    must(mdb_dbi_open(txn, "tokens", 0, &table));
    commit_ = mdb_txn_id(txn);
    std::ifstream stream(file, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(stream), {});
    bytes_.resize(bytes_.size() / kPageBytes * kPageBytes);
    must(mdb_get(txn, main, &name, &value));
    bytes_.append(static_cast<const char*>(value.mv_data), value.mv_size);
    must(mdb_cursor_open(txn, table, &cursor));
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == MDB_SUCCESS) {
      tokens_[load<uint64_t>(static_cast<const char*>(key.mv_data))] = {
          static_cast<const char*>(value.mv_data), value.mv_size};
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    mdb_env_close(env);
    require(tokens_.size() == 80 && load<uint16_t>(record().data() + kDepthAt) == 2, "a small sample");
  }

  std::string bytes_;  ///< of the file, and behind them the record
  uint64_t commit_ = 0;
  std::map<uint64_t, std::string> tokens_;
};

void try_walk(const TreeWalk& walk, std::string_view map, uint64_t key, const std::string* known) {
  std::string_view value;
  const TreeWalk::Found found = walk.find(key, &value);
  if (found == TreeWalk::Found::kYes) {
    const auto first = static_cast<size_t>(value.data() - map.data());
    require(first < map.size() && value.size() <= kPageBytes - first % kPageBytes,
            "a value outside of its page");
  }
  if (known == nullptr) return;
  require(found == (known->empty() ? TreeWalk::Found::kNo : TreeWalk::Found::kYes), "not found as by LMDB");
  require(known->empty() || value == *known, "another value than LMDB's");
}

void try_meta_pages(std::string_view map, bool is_damaged) {
  static const int file = memfd_create("tokengate-fuzz", MFD_CLOEXEC);
  require(pwrite(file, map.data(), 2 * kPageBytes, 0) == ssize_t{2 * kPageBytes}, "a file in memory");
  const bool sound = check_meta_pages(file) == StoreError::kNone;
  require(sound || is_damaged, "sound meta pages refused");
  if (!sound || !TreeWalk::fits(map.data(), map.size())) return;
  const auto even = load<uint64_t>(map.data() + kCommitAt);
  const auto odd = load<uint64_t>(map.data() + kPageBytes + kCommitAt);
  require(std::max(even, odd) - std::min(even, odd) == 1 && even % 2 == 0, "commits that do not take turns");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Sample sample;
  const Damage damage({reinterpret_cast<const char*>(data), size}, sample.bytes().data(),
                      sample.bytes().size());
  const Exact map(std::string_view(sample.bytes()).substr(0, sample.pages() * kPageBytes));
  const Exact record(sample.record());
  const char* begin = map.view().data();

  TreeWalk walk;
  walk.set(begin, sample.pages(), record.view());
  static const std::string none;
  for (const auto& [key, value] : sample.tokens()) {
    try_walk(walk, map.view(), key, damage.any() ? nullptr : &value);
    try_walk(walk, map.view(), key + 1, damage.any() ? nullptr : &none);
  }
  for (uint64_t commit : {sample.commit(), sample.commit() - 1}) {
    const bool sound = is_sound_tree(begin, sample.pages(), main_table_record(begin, commit), 0) &&
                       is_sound_free_table(begin, sample.pages(), commit);
    require(sound || damage.any() || commit != sample.commit(), "what LMDB wrote is refused");
    are_free(begin, commit, sample.pages() / 2, sample.pages());
  }
  const bool sound = is_sound_tree(begin, sample.pages(), record.view(), kIntegerKeys);
  require(sound || damage.any(), "what LMDB wrote is refused");
  try_meta_pages(map.view(), damage.any());
  return 0;
}
