// `tokengate import accesshash`: the panel's older access hashes go on working, as tokens.
#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "cmd.h"
#include "print.h"

namespace tokengate::cli {
namespace {

constexpr const char* kTokenName = "accesshash";
constexpr size_t kMaxFileBytes = 16384;

struct Options {
  std::vector<std::string> users;
  bool all_resellers = false;
  bool verbose = false;
  std::string file;
};

/// The content of a plain file; nothing if there is none. The file is its user's: a link in its place could
/// lead anywhere, and what it holds is never repeated in a message.
std::optional<std::string> read_plain_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (file < 0 && (errno == ENOENT || errno == ENOTDIR)) return {};
  const auto close_file = [](std::FILE* stream) { std::fclose(stream); };
  const std::unique_ptr<std::FILE, decltype(close_file)> stream(file < 0 ? nullptr : fdopen(file, "rb"),
                                                                close_file);
  if (stream == nullptr)
    throw Failure(Code::kRefused, fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  struct stat status {};
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    throw Failure(Code::kRefused, fmt::format("{} is not a plain file", path));
  }
  std::string text(kMaxFileBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), stream.get()));
  if (text.size() > kMaxFileBytes) throw Failure(Code::kRefused, fmt::format("{} is too large", path));
  return text;
}

std::optional<std::string> read_hash(const std::string& user, const std::string& file) {
  std::string path = file;
  if (path.empty()) {
    const passwd* entry = getpwnam(user.c_str());
    if (entry == nullptr) return {};
    path = std::string(entry->pw_dir) + "/.accesshash";
  }
  std::optional<std::string> hash = read_plain_file(path);
  // As clients do before they send it.
  if (hash) std::erase_if(*hash, [](char c) { return c == '\n' || c == '\r' || c == ' ' || c == '\t'; });
  if (!hash || hash->empty()) return {};
  if (check_token_text(*hash) == TokenTextKind::kNotAToken) {
    throw Failure(Code::kRefused,
                  fmt::format("{} does not hold an access hash: {} to {} letters and digits, in any "
                              "number of lines",
                              path, kMinSecretBytes, kMaxSecretBytes));
  }
  return hash;
}

/// Those who could have had a hash: whoever has rights on the server's own service.
std::vector<std::string> resellers(const Admin& admin) {
  std::vector<std::string> users;
  for (Account& account : value_of(admin.list_accounts())) {
    if (!account.acls[static_cast<size_t>(Service::kWhm)].empty())
      users.push_back(std::move(account.username));
  }
  return users;
}

/// Whether there was one, and it is a token now that was none.
bool import_hash(Admin& admin, const Options& options, const std::string& user) {
  find_account_or_suggest(admin, user);
  const std::optional<std::string> hash = read_hash(user, options.file);
  if (!hash) {
    if (!options.all_resellers) print_note(fmt::format("{} has no access hash", user));
    return false;
  }
  if (admin.find_token_by_secret(user, Service::kWhm, *hash).ok()) {
    print_note(fmt::format("the access hash of {} is a token already", user));
    return false;
  }
  NewToken token;
  token.account = user;
  token.service = Service::kWhm;
  token.name = kTokenName;
  token.full_access = true;
  token.note = "access hash";
  token.secret = *hash;
  require_ok(admin.create_token(change_now(), token).status);
  return true;
}

Code import_hashes(const Context& context, const Options& options) {
  if (options.all_resellers && !options.users.empty()) {
    throw Failure(Code::kInvalid, "--all-resellers takes no users");
  }
  if (!options.file.empty() && options.users.size() != 1) {
    throw Failure(Code::kInvalid, "--file holds the hash of one user: name that user");
  }
  Admin admin = context.open_to_change();
  std::vector<std::string> users = options.users;
  if (options.all_resellers) users = resellers(admin);
  if (users.empty() && !options.all_resellers) users = {"root"};
  uint64_t made = 0;
  bool refused = false;
  Json list = Json::array();
  for (const std::string& user : users) {
    // What one user has in that file must not keep the others from theirs.
    try {
      if (!import_hash(admin, options, user)) continue;
    } catch (const Failure& failure) {
      if (failure.code() != Code::kRefused) throw;
      print_note(fmt::format("{}: {}", user, failure.what()));
      refused = true;
      continue;
    }
    ++made;
    list.push_back({{"account", user}, {"name", kTokenName}});
    if (options.verbose && !context.json) print_line(fmt::format("{}: {}", user, kTokenName));
  }
  if (context.json) {
    print_json({{"imported", list}});
  } else {
    print_line(fmt::format("Imported {}.", counted(made, "access hash")));
  }
  return !refused && (made > 0 || options.all_resellers) ? Code::kOk : Code::kRefused;
}

}  // namespace

void add_accesshash_verb(CommandLine& line, CLI::App* import) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = line.add_verb(
      import,
      {"accesshash",
       "Make the access hash in a user's ~/.accesshash the secret of a token for whm, with full access",
       {"tokengate import accesshash", "tokengate import accesshash reseller --file old/.accesshash",
        "tokengate import accesshash --all-resellers --verbose"}},
      [options](const Context& context) { return import_hashes(context, *options); });
  add_arguments(verb, "USER", options->users, "Whose (default: root)")->required(false);
  add_switch(verb, "--all-resellers", options->all_resellers, "Of every account that has ACLs of whm");
  add_switch(verb, "--verbose", options->verbose, "Name the tokens made");
  add_value(verb, "--file", "FILE", options->file, "Where the hash is, if not in the user's home");
}

}  // namespace tokengate::cli
