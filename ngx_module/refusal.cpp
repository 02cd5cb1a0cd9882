// Refusals: the status for nginx, the log line, and the filters that put our body in place of nginx's own
// page.
#include "module.h"

namespace tokengate {
namespace {

ngx_http_output_header_filter_pt next_header_filter;
ngx_http_output_body_filter_pt next_body_filter;

ngx_uint_t log_level(Severity severity) noexcept {
  switch (severity) {
    case Severity::kInfo:
      return NGX_LOG_INFO;
    case Severity::kWarning:
      return NGX_LOG_WARN;
    case Severity::kError:
      return NGX_LOG_ERR;
  }
  return NGX_LOG_ERR;
}

/// Sets WWW-Authenticate, once: a request may be refused again after an internal redirect.
bool set_challenge(ngx_http_request_t* r, const LocationConf& conf, RequestState& state) noexcept {
  if (state.challenge == nullptr) {
    state.challenge = static_cast<ngx_table_elt_t*>(ngx_list_push(&r->headers_out.headers));
    if (state.challenge == nullptr) return false;
  }
  *state.challenge = ngx_table_elt_t{};
  state.challenge->hash = 1;
  ngx_str_set(&state.challenge->key, "WWW-Authenticate");
  state.challenge->value = conf.challenge;
  r->headers_out.www_authenticate = state.challenge;
  return true;
}

/// Our answer goes out only where nginx is about to send its own page for the status that we returned: an
/// error_page has cleared the context by now, and the status is another one if someone else decided.
ngx_int_t header_filter(ngx_http_request_t* r) {
  auto* state = static_cast<RequestState*>(ngx_http_get_module_ctx(r, ngx_http_tokengate_module));
  if (state == nullptr || state->refusal_status == 0 ||
      r->headers_out.status != static_cast<ngx_uint_t>(state->refusal_status)) {
    return next_header_filter(r);
  }
  r->err_status = 0;  // $status would show it
  r->headers_out.status = static_cast<ngx_uint_t>(state->refusal.status);
  r->headers_out.status_line.len = 0;

  ngx_http_clear_content_length(r);
  ngx_http_clear_accept_ranges(r);
  ngx_http_clear_last_modified(r);
  ngx_http_clear_etag(r);
  r->headers_out.content_length_n = static_cast<off_t>(state->refusal.body.size());
  r->headers_out.content_type = ngx_text(state->refusal.content_type);
  r->headers_out.content_type_len = r->headers_out.content_type.len;
  r->headers_out.content_type_lowcase = nullptr;
  r->headers_out.charset.len = 0;
  state->replace_body = true;
  return next_header_filter(r);
}

ngx_int_t body_filter(ngx_http_request_t* r, ngx_chain_t* in) {
  auto* state = static_cast<RequestState*>(ngx_http_get_module_ctx(r, ngx_http_tokengate_module));
  if (state == nullptr || !state->replace_body || in == nullptr) return next_body_filter(r, in);
  state->replace_body = false;  // nginx sends its page in one call
  for (ngx_chain_t* link = in; link != nullptr; link = link->next) link->buf->pos = link->buf->last;

  auto* buffer = static_cast<ngx_buf_t*>(ngx_calloc_buf(r->pool));
  if (buffer == nullptr) return NGX_ERROR;
  ngx_str_t body = ngx_text(state->refusal.body);
  buffer->pos = body.data;
  buffer->last = body.data + body.len;
  buffer->memory = body.len > 0;
  buffer->last_buf = r == r->main;
  buffer->last_in_chain = 1;
  ngx_chain_t out{buffer, nullptr};
  return next_body_filter(r, &out);
}

}  // namespace

void log_refusal(ngx_http_request_t* r, RequestState& state, const Decision& decision,
                 bool report_only) noexcept {
  uint8_t kind = report_only ? 1 : 2;
  if (state.logged >= kind) return;
  state.logged = kind;

  unsigned suppressed = 0;
  if (decision.outcome == Outcome::kStoreUnavailable && !may_log_store_trouble(&suppressed)) return;

  Text<kMaxRefusalLineBytes> line = refusal_line(decision, report_only, suppressed);
  ngx_str_t text = ngx_text(line.view());
  ngx_log_error(log_level(outcome_severity(decision.outcome)), r->connection->log, 0, "%V", &text);
}

ngx_int_t refuse(ngx_http_request_t* r, const LocationConf& conf, RequestState& state,
                 Outcome outcome) noexcept {
  std::string_view path = view(r->valid_unparsed_uri && r == r->main ? r->unparsed_uri : r->uri);
  state.refusal = refusal(outcome, static_cast<RefusalStyle>(conf.refusals), path);
  // To the phase engine a refusal must look like one; the header filter makes a panel's 200 of it.
  state.refusal_status =
      state.refusal.status >= NGX_HTTP_BAD_REQUEST ? state.refusal.status : NGX_HTTP_FORBIDDEN;
  if (state.refusal.challenge && !set_challenge(r, conf, state)) return NGX_HTTP_INTERNAL_SERVER_ERROR;
  return state.refusal_status;
}

void forget_refusal(RequestState& state) noexcept {
  state.refusal_status = 0;
  if (state.challenge != nullptr) state.challenge->hash = 0;
}

void install_refusal_filters() noexcept {
  next_header_filter = ngx_http_top_header_filter;
  ngx_http_top_header_filter = header_filter;
  next_body_filter = ngx_http_top_body_filter;
  ngx_http_top_body_filter = body_filter;
}

}  // namespace tokengate
