// `tokengate completion`: shell completion, made from the tree of commands itself.
#include <fmt/format.h>

#include <memory>

#include "cmd.h"
#include "print.h"

namespace tokengate::cli {
namespace {

std::vector<const CLI::App*> children(const CLI::App* app) {
  return app->get_subcommands([](const CLI::App*) { return true; });
}

/// All that can stand after a command: its verbs, or its options.
std::string words_after(const CLI::App* app) {
  std::vector<std::string> words;
  for (const CLI::App* child : children(app)) words.push_back(child->get_name());
  for (const CLI::Option* option : app->get_options()) {
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
  }
  return join(words, " ");
}

/// One `case` line for each command, by the words that lead to it.
std::string cases(const CLI::App* app, const std::string& chain) {
  std::string text = fmt::format("    '{}') choices='{}' ;;\n", chain, words_after(app));
  for (const CLI::App* child : children(app)) {
    text += cases(child, chain.empty() ? child->get_name() : chain + " " + child->get_name());
  }
  return text;
}

/// Both shells: words that lead to no command (values of options, names) do not count for the chain.
constexpr const char* kChoices = R"(
# The words that can follow a chain of words; fails if the chain is no command.
_tokengate_choices() {{
  case $1 in
{}    *) return 1 ;;
  esac
}}
)";

constexpr const char* kBash = R"(
_tokengate() {
  local word chain='' choices=''
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    _tokengate_choices "${chain:+$chain }$word" && chain="${chain:+$chain }$word"
  done
  _tokengate_choices "$chain"
  word=${COMP_WORDS[COMP_CWORD]}
  case ${COMP_WORDS[COMP_CWORD-1]} in
    --store) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    --service) mapfile -t COMPREPLY < <(compgen -W 'cpanel whm' -- "$word") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word") ;;
  esac
}
complete -o default -F _tokengate tokengate
)";

constexpr const char* kZsh = R"(
_tokengate() {
  local word chain='' choices=''
  for word in "${(@)words[2,CURRENT-1]}"; do
    _tokengate_choices "${chain:+$chain }$word" && chain="${chain:+$chain }$word"
  done
  _tokengate_choices "$chain"
  case ${words[CURRENT-1]} in
    --store) _files -/ ;;
    --service) compadd cpanel whm ;;
    *) compadd -- ${=choices} || _files ;;
  esac
}
compdef _tokengate tokengate
)";

Code completion(CommandLine& line, const std::string& shell) {
  if (shell != "bash" && shell != "zsh") {
    throw Failure(Code::kInvalid, fmt::format("no completion for \"{}\": say bash or zsh", shell));
  }
  const bool bash = shell == "bash";
  fmt::print(stdout, "{}", bash ? "# bash completion for tokengate\n" : "#compdef tokengate\n");
  fmt::print(stdout, fmt::runtime(kChoices), cases(line.root(), ""));
  fmt::print(stdout, "{}", bash ? kBash : kZsh);
  return Code::kOk;
}

}  // namespace

void add_completion_command(CommandLine& line) {
  auto shell = std::make_shared<std::string>();
  CLI::App* verb = line.add_verb(
      line.root(),
      {"completion",
       "Print a script that completes commands in a shell",
       {"source <(tokengate completion bash)", "tokengate completion zsh > ~/.zsh/completions/_tokengate"}},
      [&line, shell](const Context&) { return completion(line, *shell); });
  add_argument(verb, "SHELL", *shell, "bash or zsh");
}

}  // namespace tokengate::cli
