/// The request path: is it canonical, and which API does it belong to? Pure; allocates nothing.
#ifndef TOKENGATE_PATH_H_
#define TOKENGATE_PATH_H_

#include <cstdint>
#include <string_view>

namespace tokengate {

enum class PathFamily : uint8_t { kHttp, kExecute, kJsonApi, kXmlApi };

struct Path {
  std::string_view
      problem;  ///< why the path is refused, a constant phrase for people; empty: it is canonical
  PathFamily family = PathFamily::kHttp;
  std::string_view module;  ///< kExecute: the module; else empty
  /// kExecute: the function; kJsonApi and kXmlApi: `f`, or (kJsonApi only) `Group/f`; kHttp: the decoded
  /// path. A view of the arguments of read_path().
  std::string_view function;
};

/// Judges a path in its two forms: `wire` as it stood in the request line, without the query (empty: it is
/// not the path that will be served, and is not looked at), and `served` as the server decoded it.
///
/// Canonical on the wire is: only `/` and pchar (RFC 3986 3.3) without `;`; percent-encoding of nothing that
/// is unreserved (2.3), a delimiter of paths (`/`, `\`, `;`, `?`, `#`, `%`) or a control character;
/// well-formed UTF-8; no dot segment; no empty segment but a last one; and decoded, exactly `served`.
///
/// The fixed paths, `/execute/…`, `/json-api/…` and `/xml-api/…` after an optional `/cpsess<digits>`, must
/// have one of their known shapes, in exact case and without percent-encoding. Clients with a base URL that
/// ends in
/// `/` double their first slash, and some end in a slash: both are accepted there, and `served` may have the
/// doubled slash merged.
Path read_path(std::string_view wire, std::string_view served) noexcept;

/// Whether `name` can be a module or function of UAPI and API 2: 1 to 64 of `[A-Za-z0-9_]`.
bool is_function_name(std::string_view name) noexcept;

/// Whether `name` can be a function of WHM API 1: `f` or `Group/f`, each 1 to 64 of `[A-Za-z0-9_-]`; and does
/// not merely look like one of the wrappers (`cpanel`, `uapi_cpanel`, `batch`) or like a fixed path.
bool is_whm1_function(std::string_view name) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_PATH_H_
