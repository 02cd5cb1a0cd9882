// $tokengate_*: who calls, worked out when asked for; and what was decided.
#include "module.h"

#include <iterator>
#include <new>

namespace tokengate {
namespace {

void set_value(ngx_http_variable_value_t* value, std::string_view text) noexcept {
  value->len = static_cast<unsigned>(text.size());
  value->data = ngx_text(text).data;
  value->not_found = 0;
  value->no_cacheable = 1;
  // A subrequest shares these values, and asks for its own. So nothing is kept: each reader asks again.
  value->valid = 0;
}

ngx_int_t set_none(ngx_http_variable_value_t* value) noexcept {
  value->valid = 0;
  value->not_found = 1;
  return NGX_OK;
}

/// The caller, if checks 1 to 7 hold. A decision says it best; before there is one, it is worked out where
/// Tokengate is on.
const Caller* caller_of(ngx_http_request_t* r) noexcept {
  if (const Decision* decision = latest_decision(r))
    return decision->caller_identified ? &decision->caller : nullptr;
  const LocationConf& conf = location_conf(r);
  if (conf.mode == kModeOff) return nullptr;
  RequestState* state = make_state(r);
  return state == nullptr ? nullptr : identify(r, conf, *state);
}

ngx_int_t get_user(ngx_http_request_t* r, ngx_http_variable_value_t* value, uintptr_t) {
  const Caller* caller = caller_of(r);
  if (caller == nullptr) return set_none(value);
  set_value(value, caller->user.view());
  return NGX_OK;
}

ngx_int_t get_service(ngx_http_request_t* r, ngx_http_variable_value_t* value, uintptr_t) {
  const Caller* caller = caller_of(r);
  if (caller == nullptr) return set_none(value);
  set_value(value, service_name(caller->service));
  return NGX_OK;
}

ngx_int_t get_token(ngx_http_request_t* r, ngx_http_variable_value_t* value, uintptr_t) {
  const Caller* caller = caller_of(r);
  if (caller == nullptr) return set_none(value);
  set_value(value, caller->token_name.view());
  return NGX_OK;
}

ngx_int_t get_token_id(ngx_http_request_t* r, ngx_http_variable_value_t* value, uintptr_t) {
  const Caller* caller = caller_of(r);
  if (caller == nullptr) return set_none(value);
  const std::string_view text = decimal(r->pool, caller->token_id);
  if (text.empty()) return NGX_ERROR;
  set_value(value, text);
  return NGX_OK;
}

ngx_int_t get_outcome(ngx_http_request_t* r, ngx_http_variable_value_t* value, uintptr_t) {
  const Decision* decision = latest_decision(r);
  if (decision == nullptr) return set_none(value);
  set_value(value, outcome_name(decision->outcome));
  return NGX_OK;
}

ngx_int_t get_acl(ngx_http_request_t* r, ngx_http_variable_value_t* value, uintptr_t) {
  const Decision* decision = latest_decision(r);
  if (decision == nullptr || decision->acl.empty()) return set_none(value);
  set_value(value, decision->acl.view());
  return NGX_OK;
}

ngx_int_t get_route(ngx_http_request_t* r, ngx_http_variable_value_t* value, uintptr_t) {
  const Decision* decision = latest_decision(r);
  if (decision == nullptr || decision->route.empty()) return set_none(value);
  set_value(value, decision->route.view());
  return NGX_OK;
}

struct Variable {
  ngx_str_t name;
  ngx_http_get_variable_pt get;
};

Variable variables[] = {
    {ngx_string("tokengate_user"), get_user},       {ngx_string("tokengate_service"), get_service},
    {ngx_string("tokengate_token"), get_token},     {ngx_string("tokengate_token_id"), get_token_id},
    {ngx_string("tokengate_outcome"), get_outcome}, {ngx_string("tokengate_acl"), get_acl},
    {ngx_string("tokengate_route"), get_route},
};
static_assert(std::size(variables) == kVariableCount);

}  // namespace

ngx_int_t add_variables(ngx_conf_t* cf) {
  for (Variable& variable : variables) {
    ngx_http_variable_t* added = ngx_http_add_variable(cf, &variable.name, NGX_HTTP_VAR_NOCACHEABLE);
    if (added == nullptr) return NGX_ERROR;
    added->get_handler = variable.get;
  }
  return NGX_OK;
}

ngx_int_t index_variables(ngx_conf_t* cf, MainConf* conf) {
  ngx_str_t remote_user = ngx_string("remote_user");
  conf->remote_user_index = ngx_http_get_variable_index(cf, &remote_user);
  ngx_str_t http_authorization = ngx_string("http_authorization");
  conf->authorization_index = ngx_http_get_variable_index(cf, &http_authorization);
  if (conf->remote_user_index == NGX_ERROR || conf->authorization_index == NGX_ERROR) return NGX_ERROR;
  for (size_t i = 0; i < kVariableCount; i++) {
    conf->variable_indexes[i] = ngx_http_get_variable_index(cf, &variables[i].name);
    if (conf->variable_indexes[i] == NGX_ERROR) return NGX_ERROR;
  }
  return NGX_OK;
}

void forget_variables(ngx_http_request_t* r) noexcept {
  // Only "not found" is ever kept.
  for (ngx_int_t index : main_conf(r).variable_indexes) r->variables[index].not_found = 0;
}

}  // namespace tokengate
