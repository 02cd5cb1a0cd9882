/// In which ways a request's body can be read as parameters. Pure; allocates nothing.
#ifndef TOKENGATE_BODY_H_
#define TOKENGATE_BODY_H_

#include <string_view>

#include "selectors.h"
#include "tokengate/verify.h"

namespace tokengate {

/// Adds query and body of `call` to `*parameters`. Returns why the request is refused, a constant phrase;
/// empty: it is not. A body is read as a form whatever its Content-Type says, as real clients post forms
/// under any type; and besides as JSON or multipart if its type or its first bytes say so.
std::string_view read_parameters(const Call& call, Parameters* parameters) noexcept;

/// Why the JSON text of an object cannot be trusted to mean one thing: it is not JSON, not an object, has two
/// members of one name, or more than 512 members. Empty: it can.
std::string_view json_object_problem(std::string_view text) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_BODY_H_
