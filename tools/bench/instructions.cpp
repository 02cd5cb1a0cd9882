// Decides requests of several kinds under callgrind, which counts the instructions inside of Reader:
// tools/bench/instructions runs it. Takes the file of the catalog, and how often each kind is decided.
#include <valgrind/callgrind.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "hash.h"
#include "tokengate/admin.h"
#include "tokengate/verify.h"

namespace {

using namespace tokengate;

constexpr int64_t kNow = 1'800'000'000;
constexpr int kTokens = 10'000;
constexpr char kSecret[] = "SECRET00000000000000000000000000";
constexpr char kUnknownSecret[] = "UNKNOWN0000000000000000000000000";

struct Kind {
  const char* name;
  Outcome outcome;
  std::string method;
  std::string path;
  std::string body = {};
  std::vector<std::string_view> required_acls = {};
};

const Kind kKinds[] = {
    {"granted", Outcome::kGranted, "GET", "/execute/Email/list_pops"},
    {"unknown", Outcome::kUnknownToken, "GET", "/execute/Email/list_pops"},
    {"acl_denied", Outcome::kAclDenied, "GET", "/execute/Mysql/list_users"},
    {"module_row", Outcome::kGranted, "GET", "/execute/Bench/anything"},
    {"required_acl", Outcome::kGranted, "GET", "/reports/2026/11", {}, {"email"}},
    {"http_pattern", Outcome::kGranted, "GET", "/v1/reports/2026"},
    {"json_body", Outcome::kGranted, "POST", "/json-api/cpanel",
     R"({"cpanel_jsonapi_apiversion":3,"cpanel_jsonapi_module":"Email","cpanel_jsonapi_func":"list_pops"})"},
};

std::string contents_of(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

[[noreturn]] void fail(const std::string& message) {
  std::fprintf(stderr, "bench_instructions: %s\n", message.c_str());
  std::exit(1);
}

void require(const Status& status) {
  if (!status.ok()) fail(status.message);
}

std::string token_line(int number, std::string_view secret) {
  return "token\tshop\tcpanel\tt" + std::to_string(number) + '\t' + to_hex(sha256(secret)) +
         "\temail,files\twrite\tnever\n";
}

void make_store(const std::string& path, std::string catalog) {
  Change change{"bench", kNow};
  require(create_store({path, ""}, change));
  auto opened = Admin::open(path, Admin::Access::kReadWrite);
  require(opened.status);
  Admin& admin = opened.value;
  catalog += "uapi\tBench\t*\temail\tread\nhttp\tGET\t/v1/reports/*\temail\tread\n";
  require(admin.load_catalog(change, catalog).status);
  std::string tokens = "tokengate-export\t1\naccount\tshop\t\tactive\ton\tdatabases,email,files\n";
  tokens += token_line(0, kSecret);
  for (int number = 1; number < kTokens; ++number) tokens += token_line(number, std::to_string(number));
  require(admin.import_text(change, tokens + "end\n").status);
}

void decide(Reader& reader, const Kind& kind, const std::string& authorization) {
  std::vector<char> scratch(scratch_bytes(0, kind.body.size()));
  Rules rules;
  rules.required_acls = kind.required_acls;
  CredentialFields fields;
  fields.authorization = authorization;
  fields.authorization_count = 1;
  Connection connection;
  connection.client.kind = Address::kLocalSocket;
  connection.now_unix_s = kNow;
  Call call;
  call.method = kind.method;
  call.wire_path = call.served_path = kind.path;
  call.body_state = kind.body.empty() ? Body::kNone : Body::kRead;
  call.body = kind.body;
  call.scratch = scratch;
  Credentials credentials = reader.read_credentials(rules, fields);
  Decision decision = reader.verify(rules, credentials, connection, call);
  if (decision.outcome != kind.outcome) {
    fail(std::string(kind.name) + " became " + std::string(outcome_name(decision.outcome)));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) fail("usage: bench_instructions STORE CATALOG COUNT");
  make_store(argv[1], contents_of(argv[2]));
  Verifier verifier(argv[1]);
  Reader reader(verifier);
  for (const Kind& kind : kKinds) {
    bool is_unknown = kind.outcome == Outcome::kUnknownToken;
    std::string authorization = std::string("cpanel shop:") + (is_unknown ? kUnknownSecret : kSecret);
    decide(reader, kind, authorization);  // whatever only the first one costs
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
    for (long left = std::strtol(argv[3], nullptr, 10); left > 0; --left) decide(reader, kind, authorization);
    CALLGRIND_DUMP_STATS_AT(kind.name);
    CALLGRIND_STOP_INSTRUMENTATION;
  }
}
