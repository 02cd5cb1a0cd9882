// What is kept of a request across internal redirects: its credentials, who called, and the latest decision.
#include "module.h"

#include <new>

namespace tokengate {
namespace {

/// Marks our cleanup among the others of a pool; there is nothing to clean.
void mark(void*) noexcept {}

const Credentials kNoCredentials{};

/// The state of `r`, or of a request it is a subrequest of, whose headers hold the credentials no more.
const RequestState* find_stripped(ngx_http_request_t* r) noexcept {
  for (; r != nullptr; r = r->parent) {
    const RequestState* state = find_state(r);
    if (state != nullptr && state->stripped) return state;
  }
  return nullptr;
}

}  // namespace

RequestState* find_state(ngx_http_request_t* r) noexcept {
  auto* state = static_cast<RequestState*>(ngx_http_get_module_ctx(r, ngx_http_tokengate_module));
  if (state != nullptr || (!r->internal && !r->filter_finalize)) return state;

  // An internal redirect cleared the contexts. The pool still has the state.
  for (ngx_pool_cleanup_t* cleanup = r->pool->cleanup; cleanup != nullptr; cleanup = cleanup->next) {
    if (cleanup->handler != mark) continue;
    state = static_cast<RequestState*>(cleanup->data);
    if (state == nullptr || state->request != r) continue;
    state->granted = false;
    state->refusal_status = 0;
    state->replace_body = false;
    ngx_http_set_ctx(r, state, ngx_http_tokengate_module);
    return state;
  }
  return nullptr;
}

RequestState* make_state(ngx_http_request_t* r) noexcept {
  RequestState* state = find_state(r);
  if (state != nullptr) return state;
  ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(r->pool, sizeof(RequestState));
  if (cleanup == nullptr) return nullptr;
  cleanup->handler = mark;
  state = new (cleanup->data) RequestState;
  state->request = r;
  ngx_http_set_ctx(r, state, ngx_http_tokengate_module);
  return state;
}

ngx_int_t note_location(ngx_http_request_t* r) noexcept {
  const LocationConf& conf = location_conf(r);
  RequestState* state = conf.mode == kModeOn ? make_state(r) : find_state(r);
  if (state != nullptr) state->guarded_conf = conf.mode == kModeOn ? &conf : nullptr;
  if (conf.mode == kModeOn) return state != nullptr ? NGX_OK : NGX_ERROR;
  if (was_in_location(r)) return NGX_OK;
  // A mark without a state, which is all that is noted of a request in a location that is off.
  ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(r->pool, 0);
  if (cleanup == nullptr) return NGX_ERROR;
  cleanup->handler = mark;
  return NGX_OK;
}

bool was_in_location(ngx_http_request_t* r) noexcept {
  for (const ngx_pool_cleanup_t* cleanup = r->pool->cleanup; cleanup != nullptr; cleanup = cleanup->next) {
    if (cleanup->handler == mark && cleanup->data == nullptr) return true;
  }
  return false;
}

const Decision* latest_decision(ngx_http_request_t* r) noexcept {
  for (; r != nullptr; r = r->parent) {
    const RequestState* state = find_state(r);
    if (state != nullptr && state->decision != nullptr) return state->decision;
  }
  return nullptr;
}

const Credentials& find_credentials(ngx_http_request_t* r, const LocationConf& conf,
                                    RequestState& state) noexcept {
  if (const RequestState* kept = find_stripped(r)) return kept->credentials;
  if (state.credentials_conf == &conf) return state.credentials;
  Reader* reader = worker_reader();
  if (reader == nullptr) return kNoCredentials;
  state.credentials = reader->read_credentials(conf.rules, credential_fields(r, conf));
  state.credentials_conf = &conf;
  return state.credentials;
}

const Caller* identify(ngx_http_request_t* r, const LocationConf& conf, RequestState& state) noexcept {
  if (state.identified_conf == &conf) return state.caller;
  state.identified_conf = &conf;
  state.caller = nullptr;
  Reader* reader = worker_reader();
  if (reader == nullptr) return nullptr;
  Caller caller;
  if (!reader->identify(conf.rules, find_credentials(r, conf, state), connection_of(r), &caller))
    return nullptr;
  void* memory = ngx_palloc(r->pool, sizeof(Caller));
  if (memory == nullptr) return nullptr;
  state.caller = new (memory) Caller(caller);
  return state.caller;
}

}  // namespace tokengate
