// What is kept of a request, and small things that are asked about it.
#include <charconv>
#include <limits>
#include <new>

#include "module.h"

namespace tokengate {

RequestState* find_state(const request_rec* r) noexcept {
  return static_cast<RequestState*>(ap_get_module_config(r->request_config, &tokengate_module));
}

RequestState* make_state(request_rec* r) noexcept {
  RequestState* state = find_state(r);
  if (state == nullptr) {
    state = new (apr_palloc(r->pool, sizeof(RequestState))) RequestState();
    ap_set_module_config(r->request_config, &tokengate_module, state);
  }
  return state;
}

request_rec* initial_request(request_rec* r) noexcept {
  while (r->main != nullptr || r->prev != nullptr) r = r->main != nullptr ? r->main : r->prev;
  return r;
}

bool uses_tokengate(request_rec* r) noexcept {
  const char* type = ap_auth_type(r);
  return type != nullptr && ap_cstr_casecmp(type, kAuthType) == 0;
}

const char* decimal(request_rec* r, uint64_t number) noexcept {
  constexpr size_t kMostBytes = std::numeric_limits<uint64_t>::digits10 + 2;
  auto* text = static_cast<char*>(apr_palloc(r->pool, kMostBytes));
  *std::to_chars(text, text + kMostBytes - 1, number).ptr = '\0';
  return text;
}

const char* copy(request_rec* r, std::string_view text) noexcept {
  return apr_pstrmemdup(r->pool, text.data(), text.size());
}

}  // namespace tokengate
