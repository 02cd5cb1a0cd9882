// Writes a route down for logs and people: printable ASCII, whatever the request held.
#include "route_text.h"

#include <charconv>

namespace tokengate {
namespace {

using RouteText = Text<kMaxRouteTextBytes>;

void write_call(const RoutedCall& call, RouteText* text) noexcept {
  text->append(api_name(call.api));
  if (!call.module.empty()) {
    text->append(" ");
    text->append(call.module);
  }
  text->append(" ");
  text->append(call.function);
  if (!call.target.empty()) {
    text->append(" for ");
    text->append(call.target);
  }
}

void write_escaped(std::string_view path, RouteText* text) noexcept {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (char c : path) {
    if (c > ' ' && c < 0x7f) {
      text->append({&c, 1});
      continue;
    }
    auto byte = static_cast<unsigned char>(c);
    char escaped[] = {'%', kHex[byte >> 4], kHex[byte & 15]};
    text->append({escaped, sizeof escaped});
  }
}

}  // namespace

std::string_view api_name(Api api) noexcept {
  switch (api) {
    case Api::kUapi:
      return "uapi";
    case Api::kApi2:
      return "api2";
    case Api::kWhm1:
      return "whm1";
    case Api::kHttp:
      break;
  }
  return "http";
}

void write_route_text(std::string_view wire_path, unsigned inner_count, Route* route) noexcept {
  RouteText* text = &route->text;
  const RoutedCall& outermost = route->calls[0];
  if (outermost.api == Api::kHttp) {
    text->append("http ");
    text->append(outermost.module);
    text->append(" ");
    if (wire_path.empty()) {
      write_escaped(outermost.function, text);
    } else {
      text->append(wire_path);
    }
    return;
  }
  write_call(outermost, text);
  if (inner_count == 0) return;
  text->append(": ");
  if (inner_count == 1) return write_call(route->calls[1], text);
  char digits[16];
  char* end = std::to_chars(digits, digits + sizeof digits, inner_count).ptr;
  text->append({digits, static_cast<size_t>(end - digits)});
  text->append(" calls");
}

}  // namespace tokengate
