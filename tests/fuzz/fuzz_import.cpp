// Any bytes as a text to import: refused with one line and nothing changed, or taken so that an export of the
// result, imported elsewhere, gives the same export again.
//
// Input: a byte that says whether head and end of the text are given, then the text between them.
#include <filesystem>
#include <string>

#include "fuzz.h"
#include "tokengate/admin.h"

namespace {

using namespace tokengate;

constexpr int64_t kNow = 1'800'000'000;
const Change kChange = {"fuzz", kNow};

std::string exported(const Admin& admin) {
  std::string text;
  Status status = admin.export_text([&](std::string_view part) {
    text += part;
    return true;
  });
  require(status.ok(), status.message.c_str());
  return text;
}

/// A store that is made empty again when it was changed; in the folder for temporary files.
class EmptyStore {
 public:
  EmptyStore() : path_((std::filesystem::temp_directory_path() / "tokengate-fuzz-XXXXXX").string()) {
    require(mkdtemp(path_.data()) != nullptr, "a temporary folder");
    require(create_store({path_ + "/empty", ""}, kChange).ok(), "a store");
  }
  Admin& admin() {
    if (!is_open_) {
      std::filesystem::copy(path_ + "/empty", path_ + "/store", std::filesystem::copy_options::recursive);
      Result<Admin> opened = Admin::open(path_ + "/store", Admin::Access::kReadWrite);
      require(opened.ok(), opened.status.message.c_str());
      admin_ = std::move(opened.value);
      is_open_ = true;
    }
    return admin_;
  }
  void make_empty() {
    admin_ = Admin();
    std::filesystem::remove_all(path_ + "/store");
    is_open_ = false;
  }

 private:
  std::string path_;
  Admin admin_;
  bool is_open_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static EmptyStore store, other;
  static const std::string empty = exported(store.admin());
  std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & 1) == 0) text = "tokengate-export\t1\n" + text;
  if ((data[0] & 2) == 0) text += "\nend\n";

  Exact exact(text);
  Status status = store.admin().import_text(kChange, exact.view()).status;
  if (!status.ok()) {
    require(status.code != Code::kStore, status.message.c_str());
    require(!status.message.empty() && status.message.find('\n') == std::string::npos,
            "a message of one line");
    require(exported(store.admin()) == empty, "a refused text changes something");
    return 0;
  }
  std::string first = exported(store.admin());
  require(store.admin().verify_journal().ok(), "journal");
  status = other.admin().import_text(kChange, first).status;
  require(status.ok(), status.message.c_str());
  require(exported(other.admin()) == first, "another export");
  store.make_empty();
  other.make_empty();
  return 0;
}
