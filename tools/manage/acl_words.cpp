// What the ACLs of the shipped catalog mean, grouped for people.
#include "acl_words.h"

#include <span>

namespace tokengate::manage {
namespace {

struct Row {
  std::string_view acl;
  AclWords words;
};

constexpr Row kCpanelRows[] = {
    {"account-info", {"Account", "See what the account is and has"}},
    {"all", {"Everything", "Every permission there is"}},
    {"apps", {"Websites", "Install and run applications"}},
    {"backups", {"Files", "Make, fetch and restore backups"}},
    {"calendars", {"Mail", "Calendars and address books"}},
    {"contact", {"Account", "Contact addresses of the account"}},
    {"cron", {"Websites", "Run commands at set times"}},
    {"databases", {"Databases", "Databases and their users"}},
    {"dns", {"Domains", "Zone records"}},
    {"domains", {"Domains", "Domains, subdomains and redirects"}},
    {"email", {"Mail", "Mailboxes, filters and mail settings"}},
    {"email-forwarding", {"Mail", "Forwarders and where mail goes"}},
    {"external-login", {"Account", "Other ways to log in"}},
    {"files", {"Files", "Read and write files"}},
    {"ftp", {"Files", "FTP accounts"}},
    {"git", {"Websites", "Repositories and deployment"}},
    {"manage-api-tokens", {"Account", "Make, change and revoke API tokens"}},
    {"market", {"Account", "Buy products"}},
    {"passwords", {"Account", "Passwords"}},
    {"php", {"Websites", "PHP versions and settings"}},
    {"preferences", {"Account", "Language, theme and other preferences"}},
    {"private-keys", {"Security", "Read private keys"}},
    {"security", {"Security", "Blocked addresses, protected folders, scanners"}},
    {"service-proxy", {"Account", "Proxies for services"}},
    {"sessions", {"Account", "Log-in sessions"}},
    {"ssh", {"Security", "SSH keys and access"}},
    {"ssl", {"Security", "Certificates"}},
    {"stats", {"Websites", "Statistics and logs"}},
    {"team", {"Account", "Members of the team and their roles"}},
    {"two-factor", {"Security", "The second factor of a log-in"}},
    {"users", {"Account", "Users below the account"}},
    {"websites", {"Websites", "Settings of websites"}},
    {"wordpress", {"Websites", "WordPress sites"}},
};

constexpr Row kWhmRows[] = {
    {"acct-summary", {"Accounts", "See an account's summary"}},
    {"add-pkg", {"Packages", "Add packages"}},
    {"all", {"Everything", "Every privilege there is"}},
    {"assign-root-account-enhancements", {"Accounts", "Assign enhancements to accounts"}},
    {"basic-system-info", {"Server", "See basic facts of the server"}},
    {"clustering", {"Server", "DNS and configuration clusters"}},
    {"connected-applications", {"Access", "Connected applications"}},
    {"cors-proxy-get", {"Server", "Let the server fetch a URL"}},
    {"cpanel-api", {"Accounts", "Call the API of owned accounts"}},
    {"cpanel-integration", {"Accounts", "Integration links"}},
    {"create-acct", {"Accounts", "Create accounts"}},
    {"create-dns", {"DNS", "Create zones"}},
    {"create-user-session", {"Access", "Open a logged-in session of a user"}},
    {"digest-auth", {"Access", "Digest authentication for Web Disk"}},
    {"edit-account", {"Accounts", "Change any setting of an account"}},
    {"edit-dns", {"DNS", "Change zone records"}},
    {"edit-mx", {"Mail", "Change where mail is delivered"}},
    {"edit-pkg", {"Packages", "Change packages"}},
    {"file-restore", {"Accounts", "Restore files from backups"}},
    {"generate-email-config", {"Mail", "Make mail client settings"}},
    {"kill-acct", {"Accounts", "Delete accounts"}},
    {"kill-dns", {"DNS", "Delete zones"}},
    {"limit-bandwidth", {"Accounts", "Set bandwidth limits"}},
    {"list-accts", {"Accounts", "List accounts"}},
    {"list-pkgs", {"Packages", "List packages"}},
    {"mailcheck", {"Mail", "Check mail delivery"}},
    {"manage-api-tokens", {"Access", "Make, change and revoke API tokens"}},
    {"manage-dns-records", {"DNS", "Manage DNS records"}},
    {"manage-oidc", {"Access", "Log-in by OpenID Connect"}},
    {"manage-styles", {"Server", "Styles of the interface"}},
    {"mysql-info", {"Server", "See facts of the database server"}},
    {"ns-config", {"DNS", "Name servers"}},
    {"park-dns", {"DNS", "Park domains"}},
    {"passwd", {"Accounts", "Change accounts' passwords"}},
    {"public-contact", {"Server", "Public contact details"}},
    {"quota", {"Accounts", "Set disk quotas"}},
    {"rearrange-accts", {"Accounts", "Move accounts between disks"}},
    {"restart", {"Server", "Restart services"}},
    {"show-bandwidth", {"Accounts", "See bandwidth"}},
    {"ssl", {"Certificates", "Install certificates"}},
    {"ssl-buy", {"Certificates", "Buy certificates"}},
    {"ssl-gencrt", {"Certificates", "Make certificates and requests"}},
    {"ssl-info", {"Certificates", "See certificates"}},
    {"stats", {"Server", "See server statistics"}},
    {"status", {"Server", "See the server's status"}},
    {"suspend-acct", {"Accounts", "Suspend accounts"}},
    {"track-email", {"Mail", "Trace mail"}},
    {"upgrade-account", {"Accounts", "Change an account's package"}},
    {"viewglobalpackages", {"Packages", "See global packages"}},
};

AclWords find(std::span<const Row> rows, std::string_view acl) noexcept {
  for (const Row& row : rows) {
    if (row.acl == acl) return row.words;
  }
  return {};
}

}  // namespace

AclWords acl_words(Service service, std::string_view acl) noexcept {
  return service == Service::kWhm ? find(kWhmRows, acl) : find(kCpanelRows, acl);
}

}  // namespace tokengate::manage
