// Any bytes as a text to import: refused with one line and nothing changed, or taken so that an export of the
// result, imported elsewhere, gives the same export again.
//
// Input: a byte that says whether head and end of the text are given, or that it is a plain list, then the
// text between them.
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

/// What a plain list needs to be there: only one of the accounts may have what it gives.
constexpr std::string_view kAccounts =
    "tokengate-export\t1\nacl\tcpanel\tall\nacl\tcpanel\temail\nacl\twhm\tall\n"
    "account\tpoor\t\tactive\ton\naccount\tshop\t\tactive\ton\temail\nend\n";

NewToken rights_of_list() {
  NewToken rights = {.acls = {"email"}, .read_only = true, .addresses = {"192.0.2.0/24"}};
  rights.expires_unix_s = kNow + 1;
  rights.note = "listed";
  return rights;
}

bool has_those_rights(const Token& token) {
  const NewToken rights = rights_of_list();
  return token.account == "shop" && token.service == rights.service && !token.full_access &&
         token.acls == rights.acls && token.read_only && token.addresses == rights.addresses &&
         token.expires_unix_s == rights.expires_unix_s && token.note == rights.note && token.parent_id == 0;
}

/// A store that is made as it was again when it was changed; in the folder for temporary files.
class KeptStore {
 public:
  /// With what `text` holds; empty: with nothing.
  explicit KeptStore(std::string_view text)
      : path_((std::filesystem::temp_directory_path() / "tokengate-fuzz-XXXXXX").string()) {
    require(mkdtemp(path_.data()) != nullptr, "a temporary folder");
    require(create_store({path_ + "/kept", ""}, kChange).ok(), "a store");
    if (!text.empty()) {
      Admin admin = std::move(Admin::open(path_ + "/kept", Admin::Access::kReadWrite).value);
      require(admin.import_text(kChange, text).status.ok(), "its content");
    }
    before_ = exported(admin());
  }
  Admin& admin() {
    if (!is_open_) {
      std::filesystem::copy(path_ + "/kept", path_ + "/store", std::filesystem::copy_options::recursive);
      Result<Admin> opened = Admin::open(path_ + "/store", Admin::Access::kReadWrite);
      require(opened.ok(), opened.status.message.c_str());
      admin_ = std::move(opened.value);
      is_open_ = true;
    }
    return admin_;
  }
  const std::string& before() const { return before_; }
  void restore() {
    admin_ = Admin();
    std::filesystem::remove_all(path_ + "/store");
    is_open_ = false;
  }

 private:
  std::string path_;
  std::string before_;
  Admin admin_;
  bool is_open_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static KeptStore empty(""), other(""), with_accounts(kAccounts);
  const bool is_list = (data[0] & 4) != 0;
  KeptStore& store = is_list ? with_accounts : empty;
  std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (!is_list && (data[0] & 1) == 0) text = "tokengate-export\t1\n" + text;
  if (!is_list && (data[0] & 2) == 0) text += "\nend\n";
  ImportOptions options;
  if (is_list) options.list = rights_of_list();

  Exact exact(text);
  Status status = store.admin().import_text(kChange, exact.view(), options).status;
  if (!status.ok()) {
    require(status.code != Code::kStore, status.message.c_str());
    require(!status.message.empty() && status.message.find('\n') == std::string::npos,
            "a message of one line");
    require(exported(store.admin()) == store.before(), "a refused text changes something");
    return 0;
  }
  std::string first = exported(store.admin());
  require(store.admin().verify_journal().ok(), "journal");
  if (is_list) {
    const std::vector<Token> tokens = store.admin().list_tokens().value;
    require(std::all_of(tokens.begin(), tokens.end(), has_those_rights), "rights that were not stated");
  }
  status = other.admin().import_text(kChange, first).status;
  require(status.ok(), status.message.c_str());
  require(exported(other.admin()) == first, "another export");
  store.restore();
  other.restore();
  return 0;
}
