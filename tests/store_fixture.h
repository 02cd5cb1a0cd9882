/// A store with the accounts that most tests need, in a temporary folder.
#ifndef TOKENGATE_TESTS_STORE_FIXTURE_H_
#define TOKENGATE_TESTS_STORE_FIXTURE_H_

#include <string>
#include <utility>
#include <vector>

#include "support.h"
#include "tokengate/admin.h"
#include "tokengate/verify.h"

/// The time that tests pretend it is.
inline constexpr int64_t kNow = 1'800'000'000;

inline tokengate::Change change_at(int64_t now_unix_s = kNow) {
  return {"test", now_unix_s};
}

#define ck_assert_ok(status_expression)                                                 \
  do {                                                                                  \
    const tokengate::Status status_ = (status_expression);                              \
    ck_assert_msg(status_.ok(), "%s: %s", #status_expression, status_.message.c_str()); \
  } while (0)

/// Fails with `code`, and with a message that holds `words`.
#define ck_assert_fails(status_expression, expected_code, words)                                       \
  do {                                                                                                 \
    const tokengate::Status status_ = (status_expression);                                             \
    ck_assert_msg(status_.code == (expected_code) && status_.message.find(words) != std::string::npos, \
                  "%s: code %d, \"%s\"", #status_expression, static_cast<int>(status_.code),           \
                  status_.message.c_str());                                                            \
  } while (0)

/// A catalog with a row of each kind.
inline constexpr std::string_view kTestCatalog =
    "api\tmodule\tfunction\tacl\taccess\n"
    "uapi\tEmail\t*\temail\twrite\n"
    "uapi\tEmail\tlist_pops\temail\tread\n"
    "uapi\tEmail\tadd_pop\temail\twrite\n"
    "uapi\tMysql\t*\tdatabases\twrite\n"
    "uapi\tBackup\tfull\tbackups\twrite\n"
    "uapi\tBackup\tfull\tfiles\twrite\n"
    "uapi\tBatch\tstrict\t*each\twrite\n"
    "uapi\tOdd\tthing\t?\twrite\n"
    "api2\tZoneEdit\tfetchzones\tdns\tread\n"
    "whm1\t-\tlistaccts\tlist-accts\tread\n"
    "whm1\t-\tcreateacct\tcreate-acct\twrite\n"
    "whm1\t-\treboot\tall\twrite\n"
    "whm1\t-\tmystery\t?\tread\n"
    "whm1\t-\tbatch\t*each\twrite\n"
    "whm1\t-\tuapi_cpanel\tcpanel-api\tread\n"
    "whm1\t-\tuapi_cpanel\tlist-accts\tread\n"
    "whm1\t-\tcpanel\tcpanel-api\tread\n"
    "http\tGET\t/v1/reports/*\treports\tread\n"
    "http\tPOST\t/v1/reports\treports\twrite\n"
    "http\t*\t/v1/admin/**\tadmin\twrite\n";

class StoreFixture {
 public:
  StoreFixture() {
    ck_assert_ok(tokengate::create_store({path(), ""}, change_at()));
    auto opened = tokengate::Admin::open(path(), tokengate::Admin::Access::kReadWrite);
    ck_assert_ok(opened.status);
    admin = std::move(opened.value);
    ck_assert_ok(admin.load_catalog(change_at(), kTestCatalog).status);
  }

  std::string path() const { return folder_.path() + "/store"; }

  void add_account(const std::string& username, std::vector<std::string> cpanel,
                   std::vector<std::string> whm = {}, const std::string& owner = {}) {
    ck_assert_ok(
        admin.create_account(change_at(), {username, owner, {std::move(cpanel), std::move(whm)}}).status);
  }

  /// Returns the secret.
  std::string add_token(const tokengate::NewToken& token) {
    auto issued = admin.create_token(change_at(), token);
    ck_assert_ok(issued.status);
    return issued.value.secret;
  }

 private:
  TempFolder folder_;

 public:
  tokengate::Admin admin;
};

#endif  // TOKENGATE_TESTS_STORE_FIXTURE_H_
