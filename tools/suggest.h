/// "Did you mean …?": the nearest of the names that exist. Pure.
#ifndef TOKENGATE_TOOLS_SUGGEST_H_
#define TOKENGATE_TOOLS_SUGGEST_H_

#include <string>
#include <string_view>
#include <vector>

namespace tokengate::cli {

/// ` Did you mean "email"?` with a leading blank, or nothing if no known name is near. Near: one slip (a
/// character missing, extra, wrong or swapped with its neighbour) for each three characters; case is ignored.
std::string did_you_mean(std::string_view given, const std::vector<std::string>& known);

}  // namespace tokengate::cli

#endif  // TOKENGATE_TOOLS_SUGGEST_H_
