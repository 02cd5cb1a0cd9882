/// Accounts and tokens in the words and the JSON that all commands use.
#ifndef TOKENGATE_TOOLS_DESCRIBE_H_
#define TOKENGATE_TOOLS_DESCRIBE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "print.h"
#include "tokengate/admin.h"

namespace tokengate::cli {

/// JSON: times are UNIX seconds, and null where there is none (no end, valid at once, no owner).
Json account_json(const Account& account);
Json token_json(const Token& token);
/// The same with a member `use`, which is null if nothing is known of it.
Json token_json(const Token& token, const TokenUse& use);
Json use_json(const TokenUse& use);

/// "active", "suspended", "active, tokens off" or "suspended, tokens off".
std::string account_state(const Account& account);

/// "active", "not yet valid" or "expired".
std::string token_state(const Token& token, int64_t now_unix_s);

/// What the token may call, for a table: "email, dns", "full access", with "(read only)" where it is.
std::string token_rights(const Token& token);

/// How the token was used, in a sentence or two.
std::vector<std::string> use_sentences(const TokenUse& use, int64_t now_unix_s);

/// One sentence for each ACL of the token that is known to open a way round its limits.
std::vector<std::string> escape_warnings(const Token& token);

/// "ci", or "token 7, which is gone" where the token that made this one has ended; empty if none made it.
std::string token_parent(const Token& token);

/// A table of tokens; `with_account` adds the column that says whose they are.
void print_tokens(const std::vector<Token>& tokens, const std::vector<TokenUse>& uses, bool with_account,
                  int64_t now_unix_s);

}  // namespace tokengate::cli

#endif  // TOKENGATE_TOOLS_DESCRIBE_H_
