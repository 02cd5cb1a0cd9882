/// The command line: nouns and verbs, their options and help, and what happens when it is not understood.
#ifndef TOKENGATE_TOOLS_COMMAND_H_
#define TOKENGATE_TOOLS_COMMAND_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "cli.h"

namespace tokengate::cli {

/// Does the work of a verb once the whole command line has been understood. Returns the exit code; throws a
/// Failure for errors.
using Action = std::function<Code(const Context&)>;

/// How a verb is introduced to people. Each example is a complete command.
struct VerbText {
  const char* name;
  const char* does;
  std::vector<const char*> examples;
};

class CommandLine;

/// Adds the commands of one file to the tree.
using AddCommands = void (*)(CommandLine& line);

/// The tree of commands. It is what help and completion are made of.
class CommandLine {
 public:
  CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  CLI::App* root() { return &app_; }

  /// Groups verbs: `tokengate account …`.
  CLI::App* add_noun(const char* name, const char* does);

  /// A verb of a noun or, under root(), a command by itself. It also gets the options that all verbs share.
  CLI::App* add_verb(CLI::App* parent, const VerbText& text, Action action);

  /// Runs the verb that was asked for. Returns the exit code.
  int run(int argc, char** argv);

 private:
  void add_shared_options(CLI::App* app);

  CLI::App app_;
  Context context_;
  Action selected_;
};

/// Arguments and options. The referenced values must live until the action has run: keep them in a shared_ptr
/// that the action holds. `placeholder` is what help shows for the value. Lists take one value after the
/// other, or several with commas between them.
CLI::Option* add_argument(CLI::App* verb, const char* placeholder, std::string& value, const char* help);
CLI::Option* add_arguments(CLI::App* verb, const char* placeholder, std::vector<std::string>& values,
                           const char* help);
CLI::Option* add_value(CLI::App* verb, const char* option, const char* placeholder, std::string& value,
                       const char* help);
CLI::Option* add_values(CLI::App* verb, const char* option, const char* placeholder,
                        std::vector<std::string>& values, const char* help);
CLI::Option* add_switch(CLI::App* verb, const char* option, bool& value, const char* help);

/// `--service cpanel|whm`, the same everywhere.
CLI::Option* add_service(CLI::App* verb, std::string& value, const char* help);

/// Builds the command line from `commands` and runs it. Returns the exit code.
int run_command_line(std::span<const AddCommands> commands, int argc, char** argv);

}  // namespace tokengate::cli

#endif  // TOKENGATE_TOOLS_COMMAND_H_
