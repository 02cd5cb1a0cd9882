/// The only place that includes nginx's headers: they know nothing of C++, and set feature macros, so this
/// comes first in every file of the module.
#ifndef TOKENGATE_NGX_H_
#define TOKENGATE_NGX_H_

extern "C" {
#include <ngx_config.h>
//
#include <ngx_core.h>
#include <ngx_http.h>
}

#include <string_view>

extern "C" ngx_module_t ngx_http_tokengate_module;

namespace tokengate {

inline std::string_view view(const ngx_str_t& text) noexcept {
  return {reinterpret_cast<const char*>(text.data), text.len};
}

/// nginx takes no pointers to const, also where it only reads. `text` must outlive the result.
inline ngx_str_t ngx_text(std::string_view text) noexcept {
  return {text.size(), reinterpret_cast<u_char*>(const_cast<char*>(text.data()))};
}

}  // namespace tokengate

#endif  // TOKENGATE_NGX_H_
