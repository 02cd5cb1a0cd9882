// Which ACLs let a token get round its limits: words for people who hand them out.
#include "tokengate/admin.h"

namespace tokengate {
namespace {

struct EscapeRoute {
  std::string_view acl;
  std::string_view why;
};

// A token never makes one with more than it has itself: see Change::acting.
constexpr std::string_view kManagesTokens =
    "it makes tokens like itself, which stay unless they are revoked with it, and can revoke all others";

// From the published descriptions of the panel's privileges.
constexpr EscapeRoute kWhmRoutes[] = {
    {"all", "it is every privilege there is"},
    {"clustering", "it gets round restrictions on DNS zones"},
    {"create-user-session", "it hands out logged-in sessions, which no token limits"},
    {"edit-account", "it can give an account shell access"},
    {"manage-api-tokens", kManagesTokens},
    {"passwd", "it can set an account's password and log in with it"},
};

// Of the ACLs that the shipped panel catalog makes out of account-level modules.
constexpr EscapeRoute kCpanelRoutes[] = {
    {"all", "it is every ACL there is"},
    {"apps", "it runs programs of the account"},
    {"backups", "it sends away everything the account has, and overwrites files and databases"},
    {"contact", "password resets go to the addresses that it sets"},
    {"cron", "it runs any command"},
    {"email-forwarding", "mail can be piped into a program"},
    {"external-login", "it adds another way to log in"},
    {"files", "it writes programs, keys and configuration, and reads them"},
    {"ftp", "it gives access to files under a new password"},
    {"git", "deployment runs commands"},
    {"manage-api-tokens", kManagesTokens},
    {"market", "it buys at the account's expense"},
    {"passwords", "it sets passwords, and so can log in with them"},
    {"php", "settings can name code that every page runs"},
    {"private-keys", "it reads private keys"},
    {"service-proxy", "logins pass through the proxies that it sets"},
    {"sessions", "it hands out logged-in sessions, which no token limits"},
    {"ssh", "it lets somebody log in and run any command"},
    {"team", "it makes users and sets their passwords"},
    {"two-factor", "it removes the second factor of a log-in"},
    {"users", "it makes users with access to files and mail"},
    {"wordpress", "it changes the code and content of sites"},
};

std::string_view find(std::span<const EscapeRoute> routes, std::string_view acl) noexcept {
  for (const EscapeRoute& route : routes) {
    if (route.acl == acl) return route.why;
  }
  return {};
}

}  // namespace

std::string_view acl_escape_route(Service service, std::string_view acl) noexcept {
  return service == Service::kWhm ? find(kWhmRoutes, acl) : find(kCpanelRoutes, acl);
}

}  // namespace tokengate
