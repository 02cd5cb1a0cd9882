// `tokengate import accesshash`: the panel's older access hashes go on working, as tokens.
#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "cmd.h"
#include "print.h"

namespace tokengate::cli {
namespace {

constexpr const char* kTokenName = "accesshash";
constexpr const char* kFileName = ".accesshash";
constexpr size_t kMaxFileBytes = 16384;

struct Options {
  std::vector<std::string> users;
  bool all_resellers = false;
  bool verbose = false;
  std::string file;
};

/// An open file or folder.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  explicit operator bool() const { return number_ >= 0; }
  int number() const { return number_; }

 private:
  int number_;
};

/// None if there is no such file. What has a user's name can be that user's work: a link in its place could
/// lead anywhere, and a pipe keep us waiting.
Descriptor open_untrusted(int folder, const char* name, int flags, const std::string& path) {
  Descriptor file(openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | flags));
  if (!file && errno != ENOENT) {
    throw Failure(Code::kRefused, fmt::format("cannot read {}: {}; --file takes the hash from elsewhere",
                                              path, std::strerror(errno)));
  }
  return file;
}

struct stat status_of(const Descriptor& file, const std::string& path) {
  struct stat status {};
  if (fstat(file.number(), &status) != 0) {
    throw Failure(Code::kRefused, fmt::format("cannot look at {}: {}", path, std::strerror(errno)));
  }
  return status;
}

/// Whoever can write a hash, or its folder, could choose the secret of a token with full access.
void require_own(const struct stat& status, const passwd& user, const std::string& path) {
  if (status.st_uid != user.pw_uid && status.st_uid != 0) {
    throw Failure(Code::kRefused,
                  fmt::format("{} belongs neither to {} nor to root, so anybody could have chosen "
                              "the hash; if you know it to be right, chown {} {}",
                              path, user.pw_name, user.pw_name, path));
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    throw Failure(Code::kRefused,
                  fmt::format("others than its owner can write {}, so they could have chosen the hash; if "
                              "you know it to be right, chmod go-w {}",
                              path, path));
  }
}

/// The content of a plain file. What it holds is never repeated in a message.
std::string content_of(const Descriptor& file, const std::string& path) {
  if (!S_ISREG(status_of(file, path).st_mode)) {
    throw Failure(Code::kRefused, fmt::format("{} is not a plain file", path));
  }
  std::string text(kMaxFileBytes + 1, '\0');
  size_t size = 0;
  for (ssize_t got = 1; got > 0 && size < text.size(); size += static_cast<size_t>(got)) {
    got = read(file.number(), text.data() + size, text.size() - size);
    if (got < 0) {
      throw Failure(Code::kRefused, fmt::format("cannot read {}: {}", path, std::strerror(errno)));
    }
  }
  text.resize(size);
  if (text.size() > kMaxFileBytes) throw Failure(Code::kRefused, fmt::format("{} is too large", path));
  return text;
}

/// Nothing if there is none. The admin who names a file answers for it.
std::optional<std::string> read_named(const std::string& path) {
  const Descriptor file = open_untrusted(AT_FDCWD, path.c_str(), 0, path);
  if (!file) return {};
  return content_of(file, path);
}

/// Nothing if there is none. `path` is that of the file, for messages.
std::optional<std::string> read_from_home(const passwd& user, const std::string& path) {
  const Descriptor home = open_untrusted(AT_FDCWD, user.pw_dir, O_DIRECTORY, user.pw_dir);
  if (!home) return {};
  const Descriptor file = open_untrusted(home.number(), kFileName, 0, path);
  if (!file) return {};
  require_own(status_of(home, user.pw_dir), user, user.pw_dir);
  const struct stat status = status_of(file, path);
  require_own(status, user, path);
  if (status.st_nlink != 1) {
    throw Failure(
        Code::kRefused,
        fmt::format("{} has another name elsewhere (a hard link), so it could be another's file; if "
                    "you know the hash to be right, put a copy in its place",
                    path));
  }
  return content_of(file, path);
}

/// Nothing if there is none.
std::optional<std::string> read_hash(const std::string& user, const std::string& named) {
  const passwd* entry = named.empty() ? getpwnam(user.c_str()) : nullptr;
  if (named.empty() && entry == nullptr) return {};
  const std::string path = entry == nullptr ? named : std::string(entry->pw_dir) + '/' + kFileName;
  std::optional<std::string> hash = entry == nullptr ? read_named(path) : read_from_home(*entry, path);
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
