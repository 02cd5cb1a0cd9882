// `tokengate export` and `tokengate import`: what a store holds, as text.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "cmd.h"
#include "output_file.h"
#include "print.h"
#include "when.h"

namespace tokengate::cli {
namespace {

struct ExportOptions {
  std::string file = "-";
  bool force = false;
};

Code export_store(const Context& context, const ExportOptions& options) {
  const Admin admin = context.open_to_read();
  OutputFile output(options.file, options.force);
  require_ok(admin.export_text([&](std::string_view part) {
    output.write(part);
    return true;
  }));
  output.finish();
  return Code::kOk;
}

/// A file's bytes, read as they are asked for. A pipe is copied into a file without a name first.
class InputText {
 public:
  explicit InputText(const std::string& path) {
    const int file = path == "-" ? dup(STDIN_FILENO) : open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0)
      throw Failure(Code::kInvalid, fmt::format("cannot open {}: {}", path, std::strerror(errno)));
    struct stat status {};
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode)) {
      map(file, static_cast<size_t>(status.st_size), path);
      close(file);
      return;
    }
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> copy(std::tmpfile(), std::fclose);
    char buffer[65536];
    size_t size = 0;
    ssize_t n = 0;
    while (copy != nullptr && (n = read(file, buffer, sizeof buffer)) > 0) {
      if (std::fwrite(buffer, 1, static_cast<size_t>(n), copy.get()) != static_cast<size_t>(n)) break;
      size += static_cast<size_t>(n);
    }
    close(file);
    if (copy == nullptr || n != 0 || std::fflush(copy.get()) != 0) {
      throw Failure(Code::kInvalid,
                    fmt::format("cannot read {} into a temporary file: {}", path, std::strerror(errno)));
    }
    map(fileno(copy.get()), size, path);
  }
  ~InputText() {
    if (!text_.empty()) munmap(const_cast<char*>(text_.data()), text_.size());
  }
  InputText(const InputText&) = delete;
  InputText& operator=(const InputText&) = delete;
  std::string_view text() const { return text_; }

 private:
  void map(int file, size_t size, const std::string& path) {
    if (size == 0) return;
    void* bytes = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
    if (bytes == MAP_FAILED) {
      throw Failure(Code::kInvalid, fmt::format("cannot read {}: {}", path, std::strerror(errno)));
    }
    madvise(bytes, size, MADV_SEQUENTIAL);
    text_ = {static_cast<const char*>(bytes), size};
  }

  std::string_view text_;
};

struct ImportArguments {
  std::string file;
  bool dry_run = false;
  bool list = false;
  bool full_access = false;
  bool read_only = false;
  std::vector<std::string> acls;
  std::vector<std::string> addresses;
  std::string service = "cpanel";
  std::string expires = "never";
  std::string note;
};

ImportOptions options_of(const Admin& admin, const ImportArguments& arguments, int64_t now) {
  ImportOptions options;
  options.dry_run = arguments.dry_run;
  if (isatty(STDERR_FILENO) == 1) {
    options.progress = [](double done) { fmt::print(stderr, "\r{:3.0f} %", done * 100); };
  }
  if (!arguments.list) {
    if (arguments.full_access || arguments.read_only || !arguments.acls.empty() ||
        !arguments.addresses.empty()) {
      throw Failure(Code::kInvalid, "rights are for a plain list: say --list too, or leave them out");
    }
    return options;
  }
  if (arguments.full_access != arguments.acls.empty()) {
    throw Failure(Code::kInvalid,
                  "say what the tokens of the list may do: --acl ACL once or more, or --full-access");
  }
  NewToken& rights = options.list.emplace();
  rights.service = parse_service(arguments.service);
  rights.full_access = arguments.full_access;
  rights.read_only = arguments.read_only;
  const AclsByService acls = parse_acls(admin, arguments.acls, rights.service);
  rights.acls = acls[static_cast<size_t>(rights.service)];
  if (!acls[1 - static_cast<size_t>(rights.service)].empty()) {
    throw Failure(Code::kInvalid,
                  "an ACL of the other service cannot be held by these tokens: see --service");
  }
  rights.addresses = arguments.addresses;
  rights.expires_unix_s = parse_when(arguments.expires, now, DayEdge::kEnd);
  rights.note = arguments.note;
  return options;
}

Code import_store(const Context& context, const ImportArguments& arguments) {
  if (arguments.file.empty()) throw Failure(Code::kInvalid, "name the file to read, or - for standard input");
  const InputText input(arguments.file);
  Admin admin = context.open_to_change();
  const Change change = change_now();
  const ImportOptions options = options_of(admin, arguments, change.now_unix_s);
  const Result<ImportSummary> result = admin.import_text(change, input.text(), options);
  if (options.progress) fmt::print(stderr, "\r     \r");
  if (!result.ok()) {
    throw Failure(result.status.code, result.status.message + "; nothing was changed");
  }
  const ImportSummary& summary = result.value;
  if (context.json) {
    print_json({{"accounts", summary.accounts},
                {"tokens", summary.tokens},
                {"acls", summary.acls},
                {"catalog_functions", summary.catalog_functions},
                {"dry_run", arguments.dry_run}});
    return Code::kOk;
  }
  print_line(fmt::format("{} {}, {}, {} and a catalog of {}.",
                         arguments.dry_run ? "Would import" : "Imported",
                         counted(summary.accounts, "account"), counted(summary.tokens, "token"),
                         counted(summary.acls, "new ACL"), counted(summary.catalog_functions, "function")));
  return Code::kOk;
}

}  // namespace

void add_exchange_commands(CommandLine& line) {
  auto out = std::make_shared<ExportOptions>();
  CLI::App* verb =
      line.add_verb(line.root(),
                    {"export",
                     "Write accounts, ACLs, catalog and tokens (as digests) as text",
                     {"tokengate export store.tsv", "tokengate export | grep -P '^token\\tshop\\t'"}},
                    [out](const Context& context) { return export_store(context, *out); });
  add_argument(verb, "FILE", out->file, "Where to; standard output if absent or -")->required(false);
  add_switch(verb, "--force", out->force, "Replace the file if it exists");

  auto in = std::make_shared<ImportArguments>();
  verb = line.add_verb(line.root(),
                       {"import",
                        "Read such text, or a list of digests from elsewhere, all of it or nothing",
                        {"tokengate import store.tsv", "tokengate import --dry-run store.tsv",
                         "tokengate import --list keys.tsv --acl reports --expires 2027-12-31"}},
                       [in](const Context& context) { return import_store(context, *in); });
  add_accesshash_verb(line, verb);
  add_argument(verb, "FILE", in->file, "What export wrote, or a list; - for standard input")->required(false);
  add_switch(verb, "--dry-run", in->dry_run, "Judge everything, change nothing");
  add_switch(verb, "--list", in->list, "The lines are user, token name and SHA-256, with tabs between them");
  add_values(verb, "--acl", "ACL", in->acls, "What the tokens of a list hold");
  add_switch(verb, "--full-access", in->full_access, "They may do whatever their account may");
  add_switch(verb, "--read-only", in->read_only, "They may only read");
  add_values(verb, "--address", "RANGE", in->addresses, "Where they may be used from");
  add_value(verb, "--expires", "WHEN", in->expires, "When they end (default: never)");
  add_value(verb, "--note", "TEXT", in->note, "A note for each");
  add_service(verb, in->service, "Whose tokens they are (default: cpanel)");
}

}  // namespace tokengate::cli
