// The shared parts of all commands: store, actor, names with suggestions, input.
#include "cli.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>

#include "print.h"
#include "suggest.h"

namespace tokengate::cli {
namespace {

constexpr Service kServices[] = {Service::kCpanel, Service::kWhm};

std::string read_stream(std::FILE* stream, const std::string& name, size_t max_bytes) {
  std::string text;
  char buffer[16384];
  size_t n = 0;
  while ((n = std::fread(buffer, 1, sizeof buffer, stream)) > 0) {
    if (n > max_bytes - text.size()) {
      throw Failure(Code::kInvalid, fmt::format("{} is larger than {} bytes", name, max_bytes));
    }
    text.append(buffer, n);
  }
  if (std::ferror(stream) != 0) {
    throw Failure(Code::kInvalid, fmt::format("cannot read {}: {}", name, std::strerror(errno)));
  }
  return text;
}

/// A login name as it may stand in the journal; anything else is not repeated there.
bool is_plain_login(std::string_view name) {
  return !name.empty() && name.size() <= 48 && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return c > ' ' && c < 0x7f && c != '(' && c != ')' && c != ':';
  });
}

void require_registered(const Admin& admin, Service service, const std::vector<std::string>& names) {
  if (names.empty()) return;
  std::vector<std::string> known;
  for (AclInfo& acl : value_of(admin.list_acls(service))) known.push_back(std::move(acl.name));
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    throw Failure(Code::kRefused,
                  fmt::format("there is no ACL \"{}\" for the service {}.{} See `tokengate acl list`.", name,
                              service_name(service), did_you_mean(name, known)));
  }
}

}  // namespace

void require_ok(const Status& status) {
  if (!status.ok()) throw Failure(status.code, status.message);
}

Admin Context::open_to_read() const {
  return value_of(Admin::open(store_path, Admin::Access::kReadOnly));
}

Admin Context::open_to_change() const {
  return value_of(Admin::open(store_path, Admin::Access::kReadWrite));
}

std::string default_store_path() {
  const char* path = std::getenv("TOKENGATE_STORE");
  return path != nullptr && *path != '\0' ? path : "/var/lib/tokengate";
}

std::string default_group() {
  constexpr const char* kDebianGroup = "www-data";
  return geteuid() == 0 && getgrnam(kDebianGroup) != nullptr ? kDebianGroup : "";
}

int64_t now_unix_s() {
  return static_cast<int64_t>(std::time(nullptr));
}

std::string login_name() {
  const passwd* entry = getpwuid(getuid());
  if (entry != nullptr && is_plain_login(entry->pw_name)) return entry->pw_name;
  return fmt::format("uid-{}", getuid());
}

Change change_now() {
  std::string actor = "cli:" + login_name();
  // Only root's word counts here: sudo sets the variable, but anybody else could have set it too.
  const char* sudo_user = getuid() == 0 ? std::getenv("SUDO_USER") : nullptr;
  if (sudo_user != nullptr && is_plain_login(sudo_user)) {
    actor = fmt::format("cli:{}({})", sudo_user, login_name());
  }
  return {actor, now_unix_s()};
}

Service parse_service(const std::string& name) {
  for (Service service : kServices) {
    if (name == service_name(service)) return service;
  }
  throw Failure(Code::kInvalid, fmt::format("there is no service \"{}\": say cpanel or whm", name));
}

std::optional<Service> parse_service_if_any(const std::string& name) {
  if (name.empty()) return std::nullopt;
  return parse_service(name);
}

std::pair<Service, std::string> parse_acl_name(const std::string& name, Service unprefixed) {
  const size_t colon = name.find(':');
  const Service service = colon == std::string::npos ? unprefixed : parse_service(name.substr(0, colon));
  std::string bare = colon == std::string::npos ? name : name.substr(colon + 1);
  if (!is_acl_name(bare)) {
    throw Failure(
        Code::kInvalid,
        fmt::format("\"{}\" cannot be an ACL: write 1 to {} of A-Za-z0-9._-, beginning with a letter or "
                    "digit, such as email or whm:list-accts",
                    name, kMaxAclNameBytes));
  }
  return {service, std::move(bare)};
}

AclsByService parse_acls(const Admin& admin, const std::vector<std::string>& names, Service unprefixed) {
  AclsByService acls;
  for (const std::string& name : names) {
    auto [service, bare] = parse_acl_name(name, unprefixed);
    std::vector<std::string>& group = acls[static_cast<size_t>(service)];
    if (std::find(group.begin(), group.end(), bare) == group.end()) group.push_back(std::move(bare));
  }
  for (Service service : kServices) require_registered(admin, service, acls[static_cast<size_t>(service)]);
  return acls;
}

std::string acl_label(Service service, const std::string& name) {
  return service == Service::kWhm ? "whm:" + name : name;
}

std::string acl_list_text(const AclsByService& acls) {
  std::vector<std::string> labels;
  for (Service service : kServices) {
    for (const std::string& name : acls[static_cast<size_t>(service)]) {
      labels.push_back(acl_label(service, name));
    }
  }
  return labels.empty() ? "nothing" : join(labels, ", ");
}

Account find_account_or_suggest(const Admin& admin, const std::string& username) {
  Result<Account> found = admin.find_account(username);
  if (found.ok()) return std::move(found.value);
  if (found.status.code != Code::kRefused) require_ok(found.status);
  std::vector<std::string> known;
  for (Account& account : value_of(admin.list_accounts())) known.push_back(std::move(account.username));
  throw Failure(Code::kRefused, fmt::format("there is no account \"{}\".{} See `tokengate account list`.",
                                            username, did_you_mean(username, known)));
}

Token find_token_or_suggest(const Admin& admin, const std::string& username, std::optional<Service> service,
                            const std::string& name) {
  find_account_or_suggest(admin, username);
  std::vector<std::string> known;
  std::vector<Token> found;
  for (Token& token : value_of(admin.list_tokens(username, service))) {
    known.push_back(token.name);
    if (token.name == name) found.push_back(std::move(token));
  }
  if (found.size() == 1) return std::move(found.front());
  if (found.size() > 1) {
    throw Failure(Code::kInvalid,
                  fmt::format("{} has a token \"{}\" for each service: say --service cpanel or --service whm",
                              username, name));
  }
  throw Failure(Code::kRefused,
                fmt::format("{} has no token \"{}\"{}.{} See `tokengate token list {}`.", username, name,
                            service ? fmt::format(" for the service {}", service_name(*service)) : "",
                            did_you_mean(name, known), username));
}

std::string read_standard_input(size_t max_bytes) {
  return read_stream(stdin, "standard input", max_bytes);
}

std::string read_file(const std::string& path, size_t max_bytes) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (file == nullptr) {
    throw Failure(Code::kInvalid, fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  }
  return read_stream(file.get(), path, max_bytes);
}

}  // namespace tokengate::cli
