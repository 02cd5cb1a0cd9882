// The phase handlers: request -> decision -> what nginx is told.
#include "module.h"

#include <algorithm>

namespace tokengate {
namespace {

/// NGX_OK: granted. NGX_DECLINED: not ours to decide. NGX_DONE: waiting for the body. Else the status to
/// answer.
ngx_int_t control_access(ngx_http_request_t* r) noexcept {
  const LocationConf& conf = location_conf(r);
  if (conf.mode == kModeOff) return NGX_DECLINED;
  RequestState* state = make_state(r);
  if (state == nullptr) return NGX_HTTP_INTERNAL_SERVER_ERROR;

  Call call = call_of(r);
  ngx_int_t rc = describe_body(r, conf, *state, &call);
  if (rc != NGX_OK) return rc;

  const Decision* decision = decide(r, conf, *state, call);
  if (decision == nullptr || own_request_headers(r, *state) != NGX_OK) return NGX_HTTP_INTERNAL_SERVER_ERROR;
  state->decision = decision;
  forget_variables(r);

  bool report_only = conf.mode == kModeReportOnly;
  if (decision->outcome == Outcome::kGranted && !report_only) {
    if (remove_judged(r, conf, *state) != NGX_OK ||
        inject_identity(r, conf, *state, decision->caller) != NGX_OK) {
      return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    state->granted = true;
    return NGX_OK;
  }

  if (withdraw_identity(r, *state) != NGX_OK) return NGX_HTTP_INTERNAL_SERVER_ERROR;
  if (decision->outcome != Outcome::kGranted) log_refusal(r, *state, *decision, report_only);
  return report_only ? NGX_DECLINED : refuse(r, conf, *state, decision->outcome);
}

/// Whether this is the page of an error that was met before there was a location. Not the rewrite of a server
/// block, though nginx calls the request internal then as well: that leaves the count of redirects alone.
bool is_early_page(ngx_http_request_t* r) noexcept {
  return r == r->main && r->uri_changes <= NGX_HTTP_MAX_URI_CHANGES && !was_in_location(r);
}

/// A redirect brought the request here, with what it carried where it was before.
ngx_int_t leave_last_location(ngx_http_request_t* r) noexcept {
  RequestState* state = find_state(r);
  if (state != nullptr && state->guarded_conf != nullptr) {
    const LocationConf& last = *state->guarded_conf;
    state->guarded_conf = nullptr;
    if (strip_token(r, last, *state) != NGX_OK) return NGX_ERROR;
  } else if (is_early_page(r) && location_conf(r).mode != kModeOn) {
    // The request may have been meant for any location.
    state = make_state(r);
    if (state == nullptr) return NGX_ERROR;
    find_credentials(r, location_conf(r), *state);  // a location that reports judges by them
    if (remove_all_credentials(r, *state) != NGX_OK) return NGX_ERROR;
  }
  // Such a page also starts behind the phase that cleans what was received.
  if (r != r->main || (state != nullptr && state->identity_injected)) return NGX_OK;
  return clean_headers(r);
}

}  // namespace

bool is_of_scheme(std::string_view authorization, uint8_t schemes) noexcept {
  // Who reads a token overlooks a tab in front of it, which nginx leaves there.
  authorization.remove_prefix(std::min(authorization.find_first_not_of(" \t"), authorization.size()));
  return (scheme_from_name(authorization.substr(0, authorization.find_first_of(" \t"))) & schemes) != 0;
}

/// Before anything else in a location, which may end the request at any time.
ngx_int_t enter_location_handler(ngx_http_request_t* r) {
  if (!server_conf(r).present) return NGX_DECLINED;
  bool entered = (!r->internal || leave_last_location(r) == NGX_OK) && note_location(r) == NGX_OK;
  return entered ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
}

/// Judges what a client asked for, and what an internal redirect made of it.
ngx_int_t access_handler(ngx_http_request_t* r) {
  return control_access(r);
}

/// Judges subrequests: they skip the access phase.
ngx_int_t preaccess_handler(ngx_http_request_t* r) {
  // An `if` may have changed whether Tokengate is on.
  if (server_conf(r).present && note_location(r) != NGX_OK) return NGX_HTTP_INTERNAL_SERVER_ERROR;
  if (r == r->main) return NGX_DECLINED;
  ngx_int_t rc = control_access(r);
  return rc == NGX_OK ? NGX_DECLINED : rc;  // NGX_OK would end the phase for others, such as limit_req
}

/// Behind the access phase. A request that we did not let pass gets here by `satisfy any`: someone else did.
/// Its token must not reach the backend all the same. Only here, because others read Authorization after us.
ngx_int_t leave_access_handler(ngx_http_request_t* r) {
  const LocationConf& conf = location_conf(r);
  if (conf.mode != kModeOn) return NGX_DECLINED;
  RequestState* state = make_state(r);
  if (state == nullptr) return NGX_HTTP_INTERNAL_SERVER_ERROR;
  if (state->granted) return NGX_DECLINED;

  forget_refusal(*state);
  return strip_token(r, conf, *state) == NGX_OK ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
}

ngx_int_t strip_token(ngx_http_request_t* r, const LocationConf& conf, RequestState& state) noexcept {
  find_credentials(r, conf, state);  // an internal redirect to come needs them
  const ngx_table_elt_t* authorization = r->headers_in.authorization;
  bool spent = !conf.pass_authorization && authorization != nullptr &&
               is_of_scheme(view(authorization->value), conf.rules.schemes);
  if (own_request_headers(r, state) != NGX_OK) return NGX_ERROR;
  return remove_credentials(r, conf, state, spent);
}

}  // namespace tokengate
