/// A store and callers for the tests of tokengate_manage.
#ifndef TOKENGATE_TESTS_MANAGE_FIXTURE_H_
#define TOKENGATE_TESTS_MANAGE_FIXTURE_H_

#include <nlohmann/json.hpp>
#include <string>

#include "manage/manage.h"
#include "store_fixture.h"

using TestJson = nlohmann::ordered_json;

/// `shop` is an account of `reseller`; `root` has everything.
struct ManageFixture : StoreFixture {
  ManageFixture() {
    using tokengate::Service;
    for (const char* acl : {"manage-api-tokens", "kill-acct", "passwd", "suspend-acct"}) {
      ck_assert_ok(admin.define_acl(change_at(), Service::kWhm, acl));
    }
    ck_assert_ok(admin.define_acl(change_at(), Service::kCpanel, "manage-api-tokens"));
    add_account("root", {"all"}, {"all"});
    add_account("reseller", {"email", "manage-api-tokens"},
                {"manage-api-tokens", "list-accts", "create-acct", "kill-acct", "cpanel-api"}, "root");
    add_account("shop", {"email", "dns", "databases", "manage-api-tokens"}, {}, "reseller");
    add_account("other", {"email"}, {"list-accts"}, "root");
  }

  static tokengate::manage::Identity person(std::string user, tokengate::Service service) {
    tokengate::manage::Identity who;
    who.user = std::move(user);
    who.service = service;
    return who;
  }
  /// With the first secret of a token that exists.
  tokengate::manage::Identity with_token(std::string user, tokengate::Service service, std::string token) {
    const auto found = admin.find_token(user, service, token);
    ck_assert_ok(found.status);
    tokengate::manage::Identity who = person(std::move(user), service);
    who.via = tokengate::manage::Identity::Via::kToken;
    who.token = std::move(token);
    who.token_id = found.value.id;
    who.secret_serial = 1;
    return who;
  }

  /// A GET of `target`, or with a body a POST, unless `method` says otherwise.
  tokengate::manage::Reply send(const std::string& target, const std::string& body = {},
                                const std::string& content_type = "application/x-www-form-urlencoded") {
    tokengate::manage::Request request;
    const size_t question = std::min(target.find('?'), target.size());
    request.method = !method.empty() ? method : body.empty() ? "GET" : "POST";
    request.path = target.substr(0, question);
    request.query = target.substr(std::min(question + 1, target.size()));
    request.body = body;
    request.content_type = content_type;
    request.caller = caller;
    request.now_unix_s = kNow;
    request.content_encoded = content_encoded;
    if (refused_with != 0) return tokengate::manage::refuse_api(request, refused_with, "Not now.");
    return tokengate::manage::answer_api(admin, settings, request);
  }
  TestJson call(const std::string& target, const std::string& body = {},
                const std::string& content_type = "application/x-www-form-urlencoded") {
    const tokengate::manage::Reply reply = send(target, body, content_type);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_str_eq(reply.content_type.c_str(), "application/json; charset=\"utf-8\"");
    return TestJson::parse(reply.body);
  }

  /// What the page sends.
  TestJson page(const std::string& name, const TestJson& input = TestJson::object()) {
    tokengate::manage::Request request;
    request.method = "POST";
    request.body = input.dump();
    request.caller = caller;
    request.now_unix_s = kNow;
    return TestJson::parse(tokengate::manage::answer_page(admin, settings, request, name).body);
  }

  uint64_t changes() { return admin.stat().value.journal_entries; }
  std::string last_detail() { return admin.read_journal(changes(), 1).value.front().detail; }

  tokengate::manage::Identity caller = person("shop", tokengate::Service::kCpanel);
  tokengate::manage::Settings settings;
  std::string method;
  bool content_encoded = false;
  int refused_with = 0;  ///< a status: the front end cannot have calls answered
};

/// As reseller, a person, on the service whm.
struct Whm : ManageFixture {
  Whm() { caller = person("reseller", tokengate::Service::kWhm); }
  TestJson whm(const std::string& function, const std::string& parameters = {}) {
    return call("/json-api/" + function + "?api.version=1&" + parameters);
  }
};

/// The text of a UAPI or WHM failure; empty if it is none.
inline std::string failure(const TestJson& reply) {
  if (reply.contains("metadata") && reply["metadata"].contains("result")) {
    return reply["metadata"]["result"] == 1 ? "" : reply["metadata"]["reason"].get<std::string>();
  }
  const TestJson& result = reply.contains("result") ? reply["result"] : reply;
  return result["status"] == 1 ? "" : result["errors"][0].get<std::string>();
}

#define ck_assert_json(actual, expected) assert_json((actual), (expected), #actual, __FILE__, __LINE__)

inline void assert_json(const TestJson& actual, const std::string& expected, const char* what,
                        const char* file, int line) {
  ck_assert_msg(actual == TestJson::parse(expected), "%s:%d: %s: %s", file, line, what,
                actual.dump(1).c_str());
}

#endif  // TOKENGATE_TESTS_MANAGE_FIXTURE_H_
