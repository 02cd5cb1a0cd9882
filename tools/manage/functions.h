/// The functions that can be called, by name, and what several of them share. A function takes its
/// parameters, asks Operations for one thing, and gives the data of the reply; it throws Refused.
#ifndef TOKENGATE_TOOLS_MANAGE_FUNCTIONS_H_
#define TOKENGATE_TOOLS_MANAGE_FUNCTIONS_H_

#include <string>
#include <string_view>
#include <vector>

#include "envelope.h"
#include "operations.h"
#include "params.h"

namespace tokengate::manage {

/// A function of UAPI works on the tokens of one account, which need not be the caller's.
using UapiFunction = Outcome (*)(Operations& operations, const Scope& scope, const Params& params);
/// Null if there is none of that name.
UapiFunction find_uapi_function(std::string_view module, std::string_view function);

/// A function of WHM API 1 works on the caller's own tokens.
using WhmFunction = Outcome (*)(Operations& operations, const Params& params);
WhmFunction find_whm_function(std::string_view function);

/// `whitelist_ip`, `whitelist_ip-N`; `any` alone is an empty list. Nothing if absent.
std::optional<std::vector<std::string>> whitelist(const Params& params);

/// What a revocation adds to the reply's metadata: how many tokens ended that the call did not name. Nothing
/// if none did.
Json also_revoked(uint64_t others);

/// Null for what never ends.
Json end_json(int64_t expires_unix_s);
/// The name of the token that made it, `#12, which is gone` with its id if there is none any more, null if
/// none did.
Json parent_json(const Token& token);
/// Adds `last_used`, `last_address` and `use_count`: null for what is not known.
void add_use(const TokenUse& use, Json* json);
/// Null for any address; IPv6 written out in full, as the panel does.
Json whitelist_json(const Token& token);
std::string expanded_range(const std::string& range);

}  // namespace tokengate::manage

#endif  // TOKENGATE_TOOLS_MANAGE_FUNCTIONS_H_
