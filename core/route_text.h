/// How a route is written in logs and for people. Private to route.cpp.
#ifndef TOKENGATE_ROUTE_TEXT_H_
#define TOKENGATE_ROUTE_TEXT_H_

#include <string_view>

#include "route.h"

namespace tokengate {

/// Fills route->text from its calls. `wire_path`: of an http call, percent-encoded; empty: the call's own
/// path is encoded instead. `inner_count`: how many calls stand directly inside the outermost one.
void write_route_text(std::string_view wire_path, unsigned inner_count, Route* route) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_ROUTE_TEXT_H_
