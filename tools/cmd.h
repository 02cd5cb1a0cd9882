/// What each cmd_*.cpp adds to the command line.
#ifndef TOKENGATE_TOOLS_CMD_H_
#define TOKENGATE_TOOLS_CMD_H_

#include "command.h"

namespace tokengate::cli {

void add_init_command(CommandLine& line);
void add_catalog_commands(CommandLine& line);
void add_acl_commands(CommandLine& line);
void add_account_commands(CommandLine& line);
void add_token_commands(CommandLine& line);
void add_token_issue_verbs(CommandLine& line, CLI::App* noun);  ///< create, update and rotate
void add_token_advise_verb(CommandLine& line, CLI::App* noun);
void add_verify_commands(CommandLine& line);  ///< verify and explain
void add_journal_commands(CommandLine& line);
void add_exchange_commands(CommandLine& line);  ///< export and import
void add_accesshash_verb(CommandLine& line, CLI::App* import);
void add_recovery_commands(CommandLine& line);  ///< check, repair, backup and restore
void add_stat_command(CommandLine& line);
void add_uapi_commands(CommandLine& line);  ///< uapi and whmapi1
void add_login_command(CommandLine& line);
void add_completion_command(CommandLine& line);

}  // namespace tokengate::cli

#endif  // TOKENGATE_TOOLS_CMD_H_
