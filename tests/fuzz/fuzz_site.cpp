// Any request to the daemon, from each kind of caller: whoever has shown nothing is told nothing and changes
// nothing, nor does what another site makes a browser send; every reply can be read; and nobody comes by a
// right that it did not have.
//
// Input: a byte with the caller, a byte of choices, and then the request: `METHOD TARGET`, header lines, an
// empty line, the body. The choices: a browser sends it for another site, and says so or names an origin; it
// comes in at the socket for links; it has the fields that the page sends.
#include "daemon/site.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>
#include <set>
#include <string>

#include "address.h"
#include "daemon/assets.h"
#include "exchange.h"
#include "fuzz.h"
#include "lmdb_layout.h"
#include "store_lines.h"

namespace tokengate::daemon {
const Asset* find_asset(std::string_view) {
  return nullptr;
}
}  // namespace tokengate::daemon

namespace {

using namespace tokengate;
using namespace tokengate::daemon;
namespace fs = std::filesystem;

enum Who : uint8_t { kNobody, kWebServer, kPerson, kCpanelToken, kWhmToken, kCpanelGuest, kWhmGuest, kRoot };
enum Choice : uint8_t { kOtherSite = 1, kNamesOrigin = 2, kLoginSocket = 4, kPageFields = 8 };

constexpr int64_t kNow = 1'800'000'000;
constexpr int64_t kEnd = kNow + 86'400;  // of the tokens that call
constexpr uid_t kWebUid = 33;
constexpr uid_t kRootUid = 0;
constexpr uid_t kOtherUid = 1000;
constexpr const char* kRange = "192.0.2.0/24";  // theirs too
const std::set<std::string_view> kHeld = {"manage-api-tokens", "first", "second"};
constexpr const char* kHidden = "strangers";  // a token that is none of their business
const Change kChange = {"fuzz", kNow};

/// The accounts and the tokens of a store, a line each.
std::set<std::string> accounts_and_tokens(const std::string& store) {
  std::set<std::string> lines = lines_of(store);
  std::erase_if(lines, [](std::string_view line) {
    return !line.starts_with("account\t") && !line.starts_with("token\t");
  });
  return lines;
}

/// `acme` has an account, and tokens of both services: one to call with, what that made, and a bigger one.
class World {
 public:
  World() : path_((fs::temp_directory_path() / "tokengate-fuzz-XXXXXX").string()) {
    require(mkdtemp(path_.data()) != nullptr, "a temporary folder");
    must(create_store({path_ + "/kept", ""}, kChange));
    fill(Admin::open(path_ + "/kept", Admin::Access::kReadWrite).value);
    restore();
    before_ = accounts_and_tokens(store());
    site_ = std::make_unique<Site>(SiteOptions{.store = store(),
                                               .web_users = {kWebUid},
                                               .login_users = {kRootUid},
                                               .server_login = true,
                                               .public_url = "",
                                               .session_s = 3600,
                                               .settings = {}});
  }

  Site& site() { return *site_; }
  std::string store() const { return path_ + "/store"; }
  const std::set<std::string>& before() const { return before_; }
  bool is_changed() const { return commits() != commits_; }
  void restore() {
    fs::remove_all(store());
    fs::copy(path_ + "/kept", store(), fs::copy_options::recursive);
    commits_ = commits();
  }

  /// `name=value` of a session of `acme`.
  const std::string& cookie(const std::string& service) {
    std::string& cookie = cookies_[service];
    if (!cookie.empty()) return cookie;
    HttpRequest request = {"POST", "/", "", {}, R"({"user":"acme","service":")" + service + "\"}", kRootUid};
    std::string link =
        nlohmann::json::parse(site_->answer(Listener::kLogin, request, kNow).body)["data"]["link"];
    request = {"POST", "/tokengate/api/login", "", {}, "", kWebUid};
    add_page_fields(&request, "");
    request.body = R"({"key":")" + link.substr(link.find('=') + 1) + "\"}";
    HttpReply reply = site_->answer(Listener::kWeb, request, kNow);
    cookie = reply.headers.at(1).second;
    return cookie = cookie.substr(0, cookie.find(';'));
  }
  void forget_cookies() { cookies_.clear(); }

  static void add_page_fields(HttpRequest* request, const std::string& as) {
    request->headers.insert(request->headers.end(), {{"X-Tokengate-Page", "1"},
                                                     {"Content-Type", "application/json"},
                                                     {"Sec-Fetch-Site", "same-origin"},
                                                     {"X-Tokengate-As", as}});
  }

 private:
  static void fill(Admin admin) {
    const std::vector<std::string> acls = {"cpanel-api",        "first",  "list-accts",
                                           "manage-api-tokens", "second", "third"};
    for (Service service : {Service::kCpanel, Service::kWhm}) {
      for (const std::string& acl : acls) must(admin.define_acl(kChange, service, acl));
    }
    must(admin.create_account(kChange, {"acme", "", {acls, acls}}).status);
    must(admin.create_account(kChange, {"acme2", "acme", {{"first", "third"}, {}}}).status);
    must(admin.create_account(kChange, {"stranger", "", {acls, acls}}).status);
    for (Service service : {Service::kCpanel, Service::kWhm}) {
      NewToken token = {.account = "acme", .service = service, .name = "manager"};
      token.acls.assign(kHeld.begin(), kHeld.end());
      token.addresses = {kRange};
      token.expires_unix_s = kEnd;
      must(admin.create_token(kChange, token).status);
      token.name = "child";
      must(admin.create_token({"fuzz", kNow, ActingToken{"acme", service, "manager"}}, token).status);
      token.name = "bigger";
      token.acls.emplace_back("third");
      must(admin.create_token(kChange, token).status);
      token.account = "stranger";
      token.name = kHidden;
      must(admin.create_token(kChange, token).status);
    }
  }
  uint64_t commits() const {
    using namespace lmdb_layout;
    char pages[2 * kPageBytes] = {};
    std::ifstream(store() + "/data.mdb", std::ios::binary).read(pages, sizeof pages);
    return load<uint64_t>(pages + kCommitAt) + load<uint64_t>(pages + kPageBytes + kCommitAt);
  }

  std::string path_;
  uint64_t commits_ = 0;
  std::set<std::string> before_;
  std::map<std::string, std::string> cookies_;
  std::unique_ptr<Site> site_;
};

/// Whether a token's line says no more than the calling tokens may.
bool is_within(std::string_view line, std::string_view service) {
  Cells cells(line);
  cells.next();
  const TokenLine token = parse_token_line(cells);
  uint8_t outer[kAddressRangeBytes];
  parse_address_range(kRange, outer);
  bool within = token.account == "acme" && service_name(token.service) == service && !token.full_access &&
                token.expires_unix_s <= kEnd && !token.ranges.empty();
  std::string_view name;
  for (std::string_view list = token.acls; next_name(&list, &name);) within = within && kHeld.contains(name);
  for (size_t at = 0; at < token.ranges.size(); at += kAddressRangeBytes) {
    within = within && range_within(reinterpret_cast<const uint8_t*>(token.ranges.data() + at), outer);
  }
  return within;
}

bool equal_folded(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

/// Header lines of the input, but for those that this sender cannot send.
void read_headers(std::string_view* rest, bool through_server, bool other_site, HttpRequest* request) {
  while (!rest->empty()) {
    std::string_view line = take_until('\n', rest);
    if (line.empty()) break;
    std::string_view name = take_until(':', &line);
    while (line.starts_with(' ')) line.remove_prefix(1);
    // The web server removes whatever looks like its own.
    constexpr std::string_view kOurs = "x-tokengate-";
    bool ours = equal_folded(name.substr(0, kOurs.size()), kOurs);
    bool of_page = equal_folded(name, "x-tokengate-page") || equal_folded(name, "x-tokengate-as");
    if (through_server && ours && !of_page) continue;
    // Without asking first, a browser sends no other fields for a site, and no JSON (Fetch standard).
    bool simple = equal_folded(name, "content-type") && line.find("json") == std::string_view::npos;
    if (other_site && !simple) continue;
    request->headers.emplace_back(name, line);
  }
}

void check_reply(const HttpReply& reply) {
  require(reply.status >= 200 && reply.status < 500, "a status of the daemon's own failure");
  for (const auto& [name, value] : reply.headers) {
    require(value.find_first_of("\r\n") == std::string::npos, "a header of two lines");
    if (name != "Content-Type") continue;
    if (value.find("json") != std::string::npos) require(nlohmann::json::accept(reply.body), "no JSON");
    if (value.find("xml") == std::string::npos) continue;
    pugi::xml_document document;
    require(document.load_buffer(reply.body.data(), reply.body.size()) && document.document_element(),
            "no XML");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static World world;
  if (size < 2) return 0;
  const auto who = static_cast<Who>(data[0] & 7);
  const uint8_t choices = data[1];
  const bool other_site = (choices & kOtherSite) != 0;
  const bool by_token = who == kCpanelToken || who == kWhmToken;
  const bool is_guest = who == kCpanelGuest || who == kWhmGuest;
  const std::string service = who == kWhmToken || who == kWhmGuest ? "whm" : "cpanel";

  std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  HttpRequest request;
  std::string_view line = take_until('\n', &rest);
  request.method = take_until(' ', &line);
  request.path = take_until('?', &line);
  request.query = line;
  request.peer = who == kNobody ? kOtherUid : who == kRoot ? kRootUid : kWebUid;
  read_headers(&rest, who != kNobody && who != kRoot, other_site, &request);
  request.body = rest;
  const auto says = [&](std::string_view word) {
    return std::string_view(reinterpret_cast<const char*>(data), size).find(word) != std::string_view::npos;
  };

  if ((choices & kPageFields) != 0 && !other_site) World::add_page_fields(&request, "acme/" + service);
  if (by_token || who == kPerson) {
    request.headers.insert(request.headers.end(),
                           {{"X-Tokengate-User", "acme"}, {"X-Tokengate-Service", service}});
  }
  if (by_token) {
    request.headers.insert(request.headers.end(), {{"X-Tokengate-Token", "manager"},
                                                   {"X-Tokengate-Token-Id", service == "whm" ? "5" : "1"},
                                                   {"X-Tokengate-Secret-Serial", "1"}});
  }
  if (is_guest) request.headers.emplace_back("Cookie", world.cookie(service));
  if (other_site && (choices & kNamesOrigin) == 0)
    request.headers.emplace_back("Sec-Fetch-Site", "cross-site");
  if (other_site && (choices & kNamesOrigin) != 0)
    request.headers.emplace_back("Origin", "https://evil.example");

  const Listener listener = (choices & kLoginSocket) != 0 ? Listener::kLogin : Listener::kWeb;
  const HttpReply reply = world.site().answer(listener, request, kNow);
  check_reply(reply);
  for (const auto& [name, value] : reply.headers) {
    if (name == "Set-Cookie") world.forget_cookies();
  }
  const bool known = listener == Listener::kWeb && (by_token || is_guest || who == kPerson);
  const auto tells = [&](std::string_view word) {
    return reply.body.find(word) != std::string::npos && !says(word);
  };
  require(!tells(kHidden), "told of a stranger's token");
  require(known || who == kRoot || !tells("acme"), "told to nobody");
  if (!world.is_changed()) return 0;

  require(known, "changed by nobody");
  require(!other_site, "changed by another site");
  for (const std::string& now : accounts_and_tokens(world.store())) {
    if (world.before().contains(now)) continue;
    require(now.starts_with("token\t"), "an account was changed");
    require(!by_token || is_within(now, service), "a token came to have more");
    require(now.starts_with("token\tacme"), "a stranger's token was changed");
  }
  world.restore();
  return 0;
}
