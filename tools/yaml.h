/// JSON values written as YAML, which the panel's command-line tools print unless told otherwise.
#ifndef TOKENGATE_TOOLS_YAML_H_
#define TOKENGATE_TOOLS_YAML_H_

#include <string>

#include "print.h"

namespace tokengate::cli {

/// A document with its `---` line. What is not plainly a text in YAML 1.1 or 1.2 stands in double quotes, as
/// in JSON.
std::string yaml_text(const Json& value);

}  // namespace tokengate::cli

#endif  // TOKENGATE_TOOLS_YAML_H_
