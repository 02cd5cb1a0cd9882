// A damaged backup, restored: refused with nothing left behind, or a store that passes the check and gives
// no right that the backup's does not give.
//
// Input: a byte that says how much of the backup is there (255: all), then what damage.h takes.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "damage.h"
#include "fuzz.h"
#include "store_lines.h"
#include "tokengate/admin.h"

namespace {

using namespace tokengate;
namespace fs = std::filesystem;

const Change kChange = {"fuzz", 1'800'000'000};

/// A store, and a backup of it. A token was revoked, an account suspended and a right denied before: what an
/// older page would bring back.
struct Sample {
  Sample() : path((fs::temp_directory_path() / "tokengate-fuzz-XXXXXX").string()) {
    require(mkdtemp(path.data()) != nullptr, "a temporary folder");
    const std::string store = path + "/store";
    must(create_store({store, ""}, kChange));
    {
      Admin admin = std::move(Admin::open(store, Admin::Access::kReadWrite).value);
      must(admin.load_catalog(kChange, "api\tmodule\tfunction\tacl\taccess\nuapi\tEmail\t*\temail\twrite\n")
               .status);
      must(admin.define_acl(kChange, Service::kCpanel, "dns"));
      must(admin.create_account(kChange, {"shop", "", {{"email", "dns"}, {}}}).status);
      must(admin.create_account(kChange, {"late", "shop", {{"email"}, {}}}).status);
      for (const char* name : {"a", "b", "revoked"}) {
        NewToken token = {.account = "shop", .name = name, .acls = {"email"}};
        token.secret = std::string("a-secret-that-stays-") + name;
        must(admin.create_token(kChange, token).status);
      }
      must(admin.revoke_token(kChange, "shop", Service::kCpanel, "revoked"));
      must(admin.deny_acls(kChange, "shop", Service::kCpanel, {"dns"}));
      must(admin.set_account_active(kChange, "late", false));
      for (const char* acl : {"c1", "c2"}) must(admin.define_acl(kChange, Service::kCpanel, acl));
      int file = open((path + "/backup").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
      must(admin.backup(file));
      close(file);
    }
    std::ifstream stream(path + "/backup", std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(stream), {});
    lines = lines_of(store);
    fs::remove_all(store);
  }

  std::string path;
  std::string bytes;
  std::set<std::string> lines;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Sample sample;
  if (size == 0) return 0;
  const Damage damage({reinterpret_cast<const char*>(data) + 1, size - 1}, sample.bytes.data(),
                      sample.bytes.size());
  const size_t there = sample.bytes.size() * data[0] / 255;
  const std::string place = sample.path + "/restored/store";
  fs::create_directory(sample.path + "/restored");
  std::ofstream(sample.path + "/backup", std::ios::binary)
      .write(sample.bytes.data(), static_cast<std::streamsize>(there));

  const Status status = restore_store({sample.path + "/backup", {place, ""}, ""}, kChange).status;
  if (!status.ok()) {
    require(damage.any() || there < sample.bytes.size(), status.message.c_str());
    require(!status.message.empty() && status.message.find('\n') == std::string::npos,
            "a message of one line");
    require(fs::is_empty(sample.path + "/restored"), "something is left behind");
    return 0;
  }
  const Result<CheckReport> report = check_store(place);
  require(report.ok() && report.value.finding_count == 0, "a store that does not pass the check");
  for (const std::string& line : lines_of(place)) {
    require(sample.lines.contains(line), "a restored store that says something else");
  }
  fs::remove_all(place);
  return 0;
}
