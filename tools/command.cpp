// Builds the tree of commands, runs the one asked for, and says what is wrong with a line that does not
// parse.
#include "command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <utility>

#include "print.h"
#include "suggest.h"

namespace tokengate::cli {
namespace {

constexpr const char* kAbout =
    "API tokens for nginx and Apache httpd: makes, lists and revokes them, and explains decisions.";
constexpr const char* kExitCodes =
    "Exit codes: 0 done or granted, 1 refused, 2 wrong usage, 3 trouble with the store.";

/// "tokengate token create": the command that the line got as far as.
std::string command_path(const CLI::App* app) {
  if (app->get_parent() == nullptr) return app->get_name();
  return command_path(app->get_parent()) + " " + app->get_name();
}

const CLI::App* innermost_selected(const CLI::App* app) {
  for (auto selected = app->get_subcommands(); !selected.empty(); selected = app->get_subcommands()) {
    app = selected.front();
  }
  return app;
}

constexpr const char* kTokenInArgument =
    "a token must not be an argument, where every user of this machine can see it: give it on standard "
    "input, and "
    "rotate it if it is in use";

/// Right check characters are no accident; an argument without them can still be a name.
bool is_token(const std::string& argument) {
  return check_token_text(argument) == TokenTextKind::kOurs;
}

bool looks_like_a_token(const std::string& argument) {
  return is_token(argument) || check_token_text(argument) == TokenTextKind::kBadCheck;
}

std::vector<std::string> verb_names(const CLI::App* app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app->get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(verb->get_name());
  }
  return names;
}

std::vector<std::string> option_names(const CLI::App* app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app->get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

/// What is wrong, in one sentence, without repeating anything that could be a secret.
std::string usage_problem(const CLI::App& root, const CLI::ParseError& error) {
  const CLI::App* command = innermost_selected(&root);
  const std::vector<std::string> extras = root.remaining(true);
  if (std::any_of(extras.begin(), extras.end(), looks_like_a_token)) {
    return kTokenInArgument;
  }
  const auto is_option = [](const std::string& text) { return text.size() > 1 && text[0] == '-'; };
  const auto option = std::find_if(extras.begin(), extras.end(), is_option);
  if (option != extras.end()) {
    const std::string name = option->substr(0, option->find('='));
    return fmt::format("unknown option {}.{}", name, did_you_mean(name, option_names(command)));
  }
  const std::vector<std::string> verbs = verb_names(command);
  if (!verbs.empty()) {
    if (extras.empty()) return fmt::format("say what to do: {}", join(verbs, ", "));
    return fmt::format("unknown command \"{}\".{}", extras.front(), did_you_mean(extras.front(), verbs));
  }
  if (!extras.empty()) return fmt::format("unexpected argument \"{}\"", extras.front());
  std::string message = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr && message.starts_with("--")) {
    return fmt::format("{} needs a value", message.substr(0, message.find(':')));
  }
  return message;
}

int report_parse_error(const CLI::App& root, const CLI::ParseError& error) {
  const CLI::App* command = innermost_selected(&root);
  print_note(usage_problem(root, error));
  fmt::print(stderr, "See: {} --help\n", command_path(command));
  return static_cast<int>(Code::kInvalid);
}

}  // namespace

CommandLine::CommandLine() : app_(kAbout, "tokengate") {
  context_.store_path = default_store_path();
  app_.require_subcommand(1);
  app_.set_version_flag("--version", "tokengate " TOKENGATE_VERSION, "Print the version");
  app_.footer(kExitCodes);
  app_.get_formatter()->column_width(32);
  app_.get_formatter()->label("REQUIRED", "");
  app_.get_formatter()->label("SUBCOMMAND", "COMMAND");
  app_.get_formatter()->label("Subcommands", "Commands");
  app_.set_help_flag("-h,--help", "Print this help");
  // Options are taken wherever they stand: before or after the noun or the verb.
  app_.fallthrough();
  add_shared_options(&app_);
}

CLI::App* CommandLine::add_noun(const char* name, const char* does) {
  CLI::App* noun = app_.add_subcommand(name, does);
  noun->group("Commands");
  noun->require_subcommand(1);
  return noun;
}

CLI::App* CommandLine::add_verb(CLI::App* parent, const VerbText& text, Action action) {
  CLI::App* verb = parent->add_subcommand(text.name, text.does);
  verb->group("Commands");
  std::string examples = "Examples:\n";
  for (const char* example : text.examples) examples += fmt::format("  {}\n", example);
  examples.pop_back();
  verb->footer(examples);
  add_shared_options(verb);
  // A verb can have verbs of its own: the innermost is meant.
  verb->callback([this, verb, action = std::move(action)] {
    if (verb->get_subcommands().empty()) selected_ = action;
  });
  return verb;
}

void CommandLine::add_shared_options(CLI::App* app) {
  add_value(app, "--store", "DIR", context_.store_path,
            "The store (default: TOKENGATE_STORE, else /var/lib/tokengate)");
  add_switch(app, "--json", context_.json, "Answer in JSON");
}

int CommandLine::run(int argc, char** argv) {
  try {
    if (std::any_of(argv, argv + argc, is_token)) throw Failure(Code::kInvalid, kTokenInArgument);
    app_.parse(argc, argv);
    const Code code = selected_(context_);
    if (std::fflush(stdout) != 0) throw Failure(Code::kStore, "cannot write to standard output");
    return static_cast<int>(code);
  } catch (const CLI::Success& request) {
    return app_.exit(request);
  } catch (const CLI::ParseError& error) {
    return report_parse_error(app_, error);
  } catch (const Failure& failure) {
    print_note(failure.what());
    return static_cast<int>(failure.code());
  } catch (const std::exception& error) {
    print_note(error.what());
    return static_cast<int>(Code::kStore);
  }
}

CLI::Option* add_argument(CLI::App* verb, const char* placeholder, std::string& value, const char* help) {
  return verb->add_option(placeholder, value, help)->required()->type_name("");
}

CLI::Option* add_arguments(CLI::App* verb, const char* placeholder, std::vector<std::string>& values,
                           const char* help) {
  return verb->add_option(placeholder, values, help)->required()->type_name("")->delimiter(',');
}

CLI::Option* add_value(CLI::App* verb, const char* option, const char* placeholder, std::string& value,
                       const char* help) {
  return verb->add_option(option, value, help)->type_name(placeholder);
}

CLI::Option* add_values(CLI::App* verb, const char* option, const char* placeholder,
                        std::vector<std::string>& values, const char* help) {
  // Without the limit to one value each, `--acl email shop` would take the account's name for an ACL.
  return verb->add_option(option, values, help)
      ->option_text(placeholder)
      ->delimiter(',')
      ->allow_extra_args(false);
}

CLI::Option* add_switch(CLI::App* verb, const char* option, bool& value, const char* help) {
  return verb->add_flag(option, value, help);
}

CLI::Option* add_service(CLI::App* verb, std::string& value, const char* help) {
  return add_value(verb, "--service", "cpanel|whm", value, help);
}

int run_command_line(std::span<const AddCommands> commands, int argc, char** argv) {
  CommandLine line;
  for (const AddCommands add : commands) add(line);
  return line.run(argc, argv);
}

}  // namespace tokengate::cli
