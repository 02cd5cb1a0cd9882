/// What all commands share: the way a command ends, the store they work on, who is at work, what comes in.
///
/// Commands may throw; run_command_line() in command.h turns what they throw into a message and an exit code.
#ifndef TOKENGATE_TOOLS_CLI_H_
#define TOKENGATE_TOOLS_CLI_H_

#include <array>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tokengate/admin.h"

namespace tokengate::cli {

/// Ends a command: the code becomes the exit code, the text one line on standard error.
class Failure : public std::runtime_error {
 public:
  Failure(Code code, const std::string& message) : std::runtime_error(message), code_(code) {}
  Code code() const noexcept { return code_; }

 private:
  Code code_;
};

/// Throws a Failure unless `status` is kOk.
void require_ok(const Status& status);

/// The value of a successful result; throws a Failure otherwise.
template <class T>
T value_of(Result<T> result) {
  require_ok(result.status);
  return std::move(result.value);
}

/// The options that every command has, and what follows from them.
struct Context {
  std::string store_path;
  bool json = false;  ///< one JSON value on standard output instead of text for people

  Admin open_to_read() const;
  Admin open_to_change() const;
};

/// The store that is used unless --store names one: TOKENGATE_STORE or /var/lib/tokengate.
std::string default_store_path();

/// Whom to let read a new store when nobody was named: Debian's web-server group, if we may give files to it.
std::string default_group();

/// UNIX seconds.
int64_t now_unix_s();

/// Of whoever runs this command; `uid-N` if it is unknown or odd.
std::string login_name();

/// Whoever runs this command, now: "cli:alice", or "cli:alice(root)" through sudo.
Change change_now();

/// A person's name for a service on the command line. Throws for anything but "cpanel" and "whm".
Service parse_service(const std::string& name);
std::optional<Service> parse_service_if_any(const std::string& name);

/// ACL names by service; index is the Service.
using AclsByService = std::array<std::vector<std::string>, 2>;

/// The service and the bare name that `email` or `whm:list-accts` means; `unprefixed` is the service of names
/// without a prefix. Throws if the service does not exist or the name is not of the form that verify.h
/// states.
std::pair<Service, std::string> parse_acl_name(const std::string& name, Service unprefixed);

/// Sorts names such as `email` and `whm:list-accts` by service; names without a prefix belong to
/// `unprefixed`. Throws if one is not registered in the store, with the nearest name that is.
AclsByService parse_acls(const Admin& admin, const std::vector<std::string>& names, Service unprefixed);

/// `email` or `whm:list-accts`: a form that parse_acls() takes.
std::string acl_label(Service service, const std::string& name);

/// `email, whm:list-accts`; "nothing" when there are none.
std::string acl_list_text(const AclsByService& acls);

/// find_account() and find_token() whose refusal names the nearest name that exists. Without a service the
/// token is looked for in both; if both have one, the caller is asked to say which.
Account find_account_or_suggest(const Admin& admin, const std::string& username);
Token find_token_or_suggest(const Admin& admin, const std::string& username, std::optional<Service> service,
                            const std::string& name);

/// Everything on standard input, or in the file. Throws if it cannot be read or exceeds `max_bytes`.
std::string read_standard_input(size_t max_bytes);
std::string read_file(const std::string& path, size_t max_bytes);

}  // namespace tokengate::cli

#endif  // TOKENGATE_TOOLS_CLI_H_
