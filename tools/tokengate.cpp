// The command `tokengate`: the table of its commands, in the order in which help shows them.
#include "cmd.h"

int main(int argc, char** argv) {
  using namespace tokengate::cli;
  constexpr AddCommands kCommands[] = {
      add_init_command,       add_catalog_commands,  add_acl_commands,     add_account_commands,
      add_token_commands,     add_verify_commands,   add_journal_commands, add_stat_command,
      add_exchange_commands,  add_recovery_commands, add_uapi_commands,    add_login_command,
      add_completion_command,
  };
  return run_command_line(kCommands, argc, argv);
}
