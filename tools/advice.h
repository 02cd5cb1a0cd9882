/// After a refusal: the command that would let the request pass, if there is one.
#ifndef TOKENGATE_TOOLS_ADVICE_H_
#define TOKENGATE_TOOLS_ADVICE_H_

#include <string>

#include "cli.h"

namespace tokengate::cli {

/// One sentence, or nothing. Looks at the present state of the store; no verifier may have it open.
std::string advice_for(const Context& context, const Decision& decision);

}  // namespace tokengate::cli

#endif  // TOKENGATE_TOOLS_ADVICE_H_
