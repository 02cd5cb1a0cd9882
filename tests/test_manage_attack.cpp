// A token with manage-api-tokens and two other ACLs is attacked with: every function, in every form in which
// parameters come, asking for everything it does not have. Whatever is answered, the store afterwards holds
// no token that can do more than it, but for those that could before; and no secret that was answered passes
// verify() for anything more.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "battlefield.h"

using namespace tokengate;

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// How the parameters travel.
struct Form {
  const char* name;
  enum Place { kQuery, kBody, kJson, kSplit, kBoth } place;
  const char* content_type;
};

constexpr Form kForms[] = {
    {"query", Form::kQuery, ""},
    {"form body", Form::kBody, "application/x-www-form-urlencoded"},
    {"octet-stream body", Form::kBody, "application/octet-stream"},
    {"untyped body", Form::kBody, ""},
    {"JSON body", Form::kJson, "application/json"},
    {"the first in the query, the rest in the body", Form::kSplit, ""},
    {"harmless in the query, the attack in the body", Form::kBoth, ""},
};

std::string escaped(const std::string& text) {
  std::string form;
  char hex[4];
  for (char c : text) {
    std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned char>(c));
    form += std::isalnum(static_cast<unsigned char>(c)) ? std::string(1, c) : hex;
  }
  return form;
}

std::string form_text(const Pairs& pairs, size_t from, size_t to) {
  std::string text;
  for (size_t i = from; i < std::min(to, pairs.size()); ++i) {
    text += (text.empty() ? "" : "&") + escaped(pairs[i].first) + "=" + escaped(pairs[i].second);
  }
  return text;
}

std::string json_text(const Pairs& pairs) {
  TestJson json = TestJson::object();
  for (const auto& [name, value] : pairs) {
    if (json.contains(name) && !json[name].is_array()) json[name] = TestJson::array({json[name]});
    if (json.contains(name)) {
      json[name].push_back(value);
    } else {
      json[name] = value;
    }
  }
  return json.dump();
}

/// What is asked for: parameters for WHM, parameters for UAPI.
struct Excess {
  Pairs whm, uapi;
};

const std::string kLater = std::to_string(kEnd + 1);

const std::vector<Excess>& excesses() {
  static const std::vector<Excess> all = {
      {{}, {}},  // everything left out
      {{{"acl", "third"}}, {{"features", "third"}}},
      {{{"acl", "first"}, {"acl", "third"}}, {{"features", "first"}, {"features", "third"}}},
      {{{"acl-0", "first"}, {"acl-1", "third"}}, {{"features-0", "first"}, {"features-1", "third"}}},
      {{{"acl", "first,third"}}, {{"features", "first,third"}}},
      {{{"acl", "all"}}, {{"features", "all"}}},
      {{{"acl[]", "third"}}, {{"features[]", "third"}}},
      {{{"acls", "third"}}, {{"feature", "third"}}},
      {{{"full_access", "1"}}, {{"full_access", "1"}}},
      {{{"acl", "first"}, {"full_access", "1"}}, {{"features", "first"}, {"full_access", "1"}}},
      {{{"acl", "first"}, {"expires_at", "0"}}, {{"features", "first"}, {"expires_at", "0"}}},
      {{{"acl", "first"}, {"expires_at", kLater}}, {{"features", "first"}, {"expires_at", kLater}}},
      {{{"acl", "first"}, {"expires_at", "9007199254740991"}},
       {{"features", "first"}, {"expires_at", "9007199254740991"}}},
      {{{"acl", "first"}, {"expires", "0"}}, {{"features", "first"}, {"expires", "0"}}},
      {{{"acl", "first"}, {"whitelist_ip", "any"}}, {{"features", "first"}, {"whitelist_ip", "any"}}},
      {{{"acl", "first"}, {"whitelist_ip", "0.0.0.0/0"}},
       {{"features", "first"}, {"whitelist_ip", "0.0.0.0/0"}}},
      {{{"acl", "first"}, {"whitelist_ip", "::ffff:0:0/96"}},
       {{"features", "first"}, {"whitelist_ip", "::ffff:0:0/96"}}},
      {{{"acl", "first"}, {"whitelist_ip", "::/0"}}, {{"features", "first"}, {"whitelist_ip", "::/0"}}},
      {{{"acl", "first"}, {"whitelist_ip-0", "192.0.2.1"}, {"whitelist_ip-1", "198.51.100.1"}},
       {{"features", "first"}, {"whitelist_ip-0", "192.0.2.1"}, {"whitelist_ip-1", "198.51.100.1"}}},
      {{{"acl", "first"}, {"whitelist_ip", "192.0.2.0/23"}},
       {{"features", "first"}, {"whitelist_ip", "192.0.2.0/23"}}},
      {{{"acl", "first"}, {"readonly", "0"}}, {{"features", "first"}, {"readonly", "0"}}},
      {{{"acl", "first"}, {"new_name", "bigger"}}, {{"new_name", "bigger"}}},
      {{{"acl", "first"}, {"overlap", "999999999"}}, {{"overlap", "999999999"}}},
  };
  return all;
}

/// A harmless set, for the place that is meant to be read instead of the attack's.
const Pairs kHarmlessWhm = {
    {"acl", "first"}, {"expires_at", std::to_string(kEnd)}, {"whitelist_ip", "192.0.2.1"}};
const Pairs kHarmlessUapi = {
    {"features", "first"}, {"expires_at", std::to_string(kEnd)}, {"whitelist_ip", "192.0.2.1"}};

void attack(Battlefield& field, const std::string& path, const Pairs& selectors,
            const std::string& name_parameter, const std::string& target, const Pairs& excess,
            const Pairs& harmless, const Form& form) {
  Pairs pairs = selectors;
  pairs.emplace_back(name_parameter, target);
  pairs.insert(pairs.end(), excess.begin(), excess.end());
  std::string query, body;
  switch (form.place) {
    case Form::kQuery:
      query = form_text(pairs, 0, pairs.size());
      break;
    case Form::kBody:
      body = form_text(pairs, 0, pairs.size());
      break;
    case Form::kJson:
      body = json_text(pairs);
      break;
    case Form::kSplit:
      query = form_text(pairs, 0, selectors.size() + 1);
      body = form_text(pairs, selectors.size() + 1, pairs.size());
      break;
    case Form::kBoth:
      query = form_text(harmless, 0, harmless.size());
      body = form_text(pairs, 0, pairs.size());
      break;
  }
  field.strike(path + "?" + query, body, form.content_type);
}

}  // namespace

START_TEST(a_whm_token_comes_by_nothing_more) {
  Battlefield field(kWhm);
  constexpr const char* kPaths[] = {"/json-api/", "//json-api/", "/cpsess123/json-api/", "/xml-api/"};
  size_t path = 0;
  for (const char* function :
       {"api_token_create", "api_token_update", "api_token_rotate", "api_token_get_details"}) {
    for (const char* target : kTargets) {
      for (const Excess& excess : excesses()) {
        for (const Form& form : kForms) {
          const char* slash = path % 3 == 0 ? "/" : "";
          attack(field, std::string(kPaths[path++ % 4]) + function + slash, {{"api.version", "1"}},
                 "token_name", target, excess.whm, kHarmlessWhm, form);
        }
      }
    }
  }
  // It is a test of what is refused, and of what is not.
  ck_assert_int_gt(field.attacks_, 4000);
  ck_assert_int_gt(field.done_, 40);
  ck_assert_int_gt(field.secrets_, 10);
  ck_assert_int_gt(field.granted_, 10);
}
END_TEST

START_TEST(an_account_token_comes_by_nothing_more) {
  Battlefield field(kCpanel);
  size_t path = 0;
  for (const char* function :
       {"create_full_access", "create_limited", "update", "rename", "rotate", "get_details"}) {
    for (const char* target : kTargets) {
      for (const Excess& excess : excesses()) {
        for (const Form& form : kForms) {
          const Pairs selectors = {{"cpanel_jsonapi_apiversion", "3"},
                                   {"cpanel_jsonapi_module", "Tokens"},
                                   {"cpanel_jsonapi_func", function},
                                   {"cpanel_jsonapi_user", "root"}};
          const bool execute = path++ % 2 == 0;
          attack(field, execute ? std::string("/execute/Tokens/") + function : "/json-api/cpanel",
                 execute ? Pairs() : selectors, "name", target, excess.uapi, kHarmlessUapi, form);
        }
      }
    }
  }
  ck_assert_int_gt(field.attacks_, 6000);
  ck_assert_int_gt(field.done_, 40);
  ck_assert_int_gt(field.secrets_, 10);
  ck_assert_int_gt(field.granted_, 10);
}
END_TEST

START_TEST(a_whm_token_changes_nothing_of_the_accounts_it_reaches) {
  Battlefield field(kWhm);
  // Even with what calls of owned accounts take.
  ck_assert_ok(field.admin
                   .update_token(change_at(), "owner", kWhm, "manager",
                                 {.acls = {{"manage-api-tokens", "cpanel-api", "list-accts"}}})
                   .status);
  field.changes_ = field.changes();
  field.before_ = field.admin.list_tokens().value;
  for (const char* user : {"owner", "owned", "root", "shop"}) {
    for (const char* function :
         {"create_full_access", "create_limited", "update", "rename", "rotate", "revoke"}) {
      for (const char* target : {"new", "full", "elsewhere"}) {
        for (const Excess& excess : excesses()) {
          const Pairs through = {{"api.version", "1"},
                                 {"cpanel.user", user},
                                 {"cpanel.module", "Tokens"},
                                 {"cpanel.function", function}};
          const Pairs panel = {{"cpanel_jsonapi_user", user},
                               {"cpanel_jsonapi_apiversion", "3"},
                               {"cpanel_jsonapi_module", "Tokens"},
                               {"cpanel_jsonapi_func", function}};
          attack(field, "/json-api/uapi_cpanel", through, "name", target, excess.uapi, kHarmlessUapi,
                 kForms[2]);
          attack(field, "/json-api/cpanel", panel, "name", target, excess.uapi, kHarmlessUapi, kForms[1]);
        }
      }
    }
  }
  ck_assert_int_eq(field.done_, 0);
  const TestJson list = field.call(
      "/json-api/uapi_cpanel?api.version=1&cpanel.user=owned&cpanel.module=Tokens&cpanel.function=list");
  ck_assert_msg(list["data"]["uapi"]["status"] == 1, "%s", list.dump().c_str());
}
END_TEST

START_TEST(the_page_gives_a_token_nothing_more) {
  for (Service service : {kWhm, kCpanel}) {
    Battlefield field(service);
    const TestJson wishes[] = {
        {{"full_access", true}},
        {{"acls", {"third"}}},
        {{"acls", {"first", "third"}}},
        {{"acls", {"all"}}},
        {{"acls", {"first"}}, {"expires_on", nullptr}},
        {{"acls", {"first"}}, {"expires_on", "2099-12-31"}},
        {{"acls", {"first"}}, {"addresses", TestJson::array()}},
        {{"acls", {"first"}}, {"addresses", {"0.0.0.0/0"}}},
        {{"acls", {"first"}}, {"account", "owned"}},
        {{"acls", {"first"}}, {"account", "root"}},
        {{"acls", {"first"}}, {"service", service == kWhm ? "cpanel" : "whm"}},
        {{"expires_on", nullptr}},
        {{"addresses", TestJson::array()}},
    };
    int done = 0;
    for (const char* function :
         {"create", "update", "rename", "rotate", "set_active", "set_tokens_enabled"}) {
      for (const char* target : kTargets) {
        for (TestJson input : wishes) {
          input["name"] = target;
          for (const Token& token : field.before_) {
            if (token.name == target) input["id"] = token.id;
          }
          input["new_name"] = "renamed";
          input["overlap_s"] = 60;
          input["active"] = input["enabled"] = false;
          const TestJson reply = field.page(function, input);
          if (field.changes() == field.changes_) continue;
          ++done;
          field.try_secrets(reply.dump(), function);
          for (const Token& token : field.admin.list_tokens().value) {
            const auto was = std::find_if(field.before_.begin(), field.before_.end(),
                                          [&](const Token& t) { return t.id == token.id; });
            const bool unchanged = was != field.before_.end() && Battlefield::same(*was, token);
            ck_assert_msg(unchanged || field.is_within(token), "%s %s", function, input.dump().c_str());
          }
          field.restore();
        }
      }
    }
    ck_assert_int_gt(done, 5);
  }
}
END_TEST

START_TEST(a_read_only_token_lists_and_no_more) {
  for (Service service : {kWhm, kCpanel}) {
    Battlefield field(service);
    ck_assert_ok(
        field.admin.update_token(change_at(), "owner", service, "manager", {.read_only = true}).status);
    field.changes_ = field.changes();
    const std::string first = service == kWhm ? "/json-api/api_token_" : "/execute/Tokens/";
    const char* const name = service == kWhm ? "token_name" : "name";
    for (const char* function :
         {"create", "create_full_access", "create_limited", "update", "rename", "rotate", "revoke"}) {
      for (const char* target : kTargets) {
        attack(field, first + function, {{"api.version", "1"}}, name, target, kHarmlessWhm, {}, kForms[0]);
        attack(field, first + function, {}, name, target, kHarmlessUapi, {}, kForms[0]);
      }
    }
    ck_assert_int_eq(field.done_, 0);
    const std::string list = field.send(first + "list?api.version=1").body;
    ck_assert_msg(list.find("bigger1") != std::string::npos, "%s", list.c_str());
  }
}
END_TEST

START_TEST(an_owner_acts_on_what_it_owns_at_that_moment) {
  // Another process takes the account away and gives it back, while its owner makes and revokes tokens of it.
  ManageFixture fixture;
  const std::string path = fixture.path();
  fixture.admin = {};
  const pid_t pid = fork();
  if (pid == 0) {
    auto opened = Admin::open(path, Admin::Access::kReadWrite);
    for (int i = 0; i < 400 && opened.ok(); ++i) {
      if (!opened.value.set_account_owner(change_at(), "shop", i % 2 == 0 ? "root" : "reseller").ok())
        _exit(1);
      usleep(300);
    }
    _exit(opened.ok() ? 0 : 1);
  }
  fixture.admin = std::move(Admin::open(path, Admin::Access::kReadWrite).value);
  fixture.caller = ManageFixture::person("reseller", kWhm);
  int status = 1;
  while (waitpid(pid, &status, WNOHANG) == 0) {
    for (const char* call : {"create", "revoke"}) {
      fixture.page(call, {{"account", "shop"},
                          {"service", "cpanel"},
                          {"name", "ci"},
                          {"names", {"ci"}},
                          {"acls", {"email"}}});
    }
  }
  ck_assert_int_eq(status, 0);
  fixture.page("revoke_all", {{"account", "shop"}, {"service", "cpanel"}});  // it is given back at last
  bool owned = true;
  int acted = 0, changed_hands = 0;
  for (const JournalEntry& entry : fixture.admin.read_journal(1, SIZE_MAX).value) {
    if (entry.action == "account.set-owner") {
      owned = entry.detail == "reseller";
      ++changed_hands;
    } else if (entry.actor == "page:reseller") {
      ck_assert_msg(owned, "entry %zu: %s", static_cast<size_t>(entry.seq), entry.action.c_str());
      ++acted;
    }
  }
  ck_assert_int_eq(changed_hands, 400);
  ck_assert_int_gt(acted, 0);
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("manage_attack");
  TCase* tcase = tcase_create("manage_attack");
  tcase_set_timeout(tcase, 300);
  tcase_add_test(tcase, a_whm_token_comes_by_nothing_more);
  tcase_add_test(tcase, an_account_token_comes_by_nothing_more);
  tcase_add_test(tcase, a_whm_token_changes_nothing_of_the_accounts_it_reaches);
  tcase_add_test(tcase, the_page_gives_a_token_nothing_more);
  tcase_add_test(tcase, an_owner_acts_on_what_it_owns_at_that_moment);
  tcase_add_test(tcase, a_read_only_token_lists_and_no_more);
  suite_add_tcase(suite, tcase);
  return suite;
}
