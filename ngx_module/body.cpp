// The request's body: read, before the decision, where its parameters may choose the function.
#include "module.h"

namespace tokengate {
namespace {

/// Whether a body was announced. HTTP/2 and later need no header for it.
bool has_body(ngx_http_request_t* r) noexcept {
  if (r->headers_in.content_length_n > 0 || r->headers_in.chunked) return true;
  return r->http_version >= NGX_HTTP_VERSION_20 && r->headers_in.content_length_n != 0;
}

/// The fields that say how a body is to be read; nginx keeps the first of each kind only.
void describe_fields(ngx_http_request_t* r, Call* call) noexcept {
  unsigned lengths = 0;
  unsigned codings = 0;
  unsigned types = 0;
  for (const ngx_list_part_t* part = &r->headers_in.headers.part; part != nullptr; part = part->next) {
    const auto* headers = static_cast<const ngx_table_elt_t*>(part->elts);
    for (ngx_uint_t i = 0; i < part->nelts; i++) {
      std::string_view name = view(headers[i].key);
      // A CGI backend takes `_` for `-`: what it may read counts.
      if (header_names_fold_alike(name, "Content-Type")) {
        if (types++ == 0) call->content_type = view(headers[i].value);
      } else if (header_names_fold_alike(name, "Content-Encoding")) {
        call->content_encoded = true;
      } else if (header_names_fold_alike(name, "Content-Length")) {
        lengths++;
      } else if (header_names_fold_alike(name, "Transfer-Encoding")) {
        codings++;
      }
    }
  }
  call->content_type_repeated = types > 1;
  call->length_and_chunked = lengths > 0 && codings > 0;
}

/// Goes on with the phases; called when the body is complete, maybe from within the call that asked for it.
void continue_phases(ngx_http_request_t* r) {
  r->preserve_body = 1;
  r->write_event_handler = ngx_http_core_run_phases;
  ngx_http_core_run_phases(r);
}

/// Copies what `buffer` holds to `*end`, moving it. False if it cannot be read.
bool copy_buffer(ngx_buf_t* buffer, u_char** end) noexcept {
  off_t size = ngx_buf_size(buffer);
  if (ngx_buf_in_memory(buffer)) {
    *end = ngx_cpymem(*end, buffer->pos, size);
    return true;
  }
  if (!buffer->in_file) return size == 0;
  // One read gives all of a regular file, except at its end or when a signal comes in between.
  for (off_t done = 0; done < size;) {
    ssize_t got =
        ngx_read_file(buffer->file, *end, static_cast<size_t>(size - done), buffer->file_pos + done);
    if (got <= 0) return false;
    done += got;
    *end += got;
  }
  return true;
}

/// Puts the body that nginx has read, in memory or in a file, into one piece.
void collect(ngx_http_request_t* r, const LocationConf& conf, Call* call) noexcept {
  call->body_state = Body::kUnreadable;
  const ngx_http_request_body_t* body = r->request_body;
  if (body == nullptr || r->reading_body) return;

  off_t size = 0;
  for (const ngx_chain_t* link = body->bufs; link != nullptr; link = link->next)
    size += ngx_buf_size(link->buf);
  if (size < r->headers_in.content_length_n) return;  // not all of it is there
  if (size > static_cast<off_t>(conf.max_body)) return;

  const ngx_chain_t* only = body->bufs;
  if (only != nullptr && only->next == nullptr && ngx_buf_in_memory(only->buf)) {
    call->body = {reinterpret_cast<const char*>(only->buf->pos), static_cast<size_t>(size)};
  } else if (size > 0) {
    auto* start = static_cast<u_char*>(ngx_pnalloc(r->pool, static_cast<size_t>(size)));
    if (start == nullptr) return;
    u_char* end = start;
    for (const ngx_chain_t* link = body->bufs; link != nullptr; link = link->next) {
      if (!copy_buffer(link->buf, &end)) return;
    }
    call->body = {reinterpret_cast<const char*>(start), static_cast<size_t>(end - start)};
  }
  call->body_state = Body::kRead;
}

ngx_int_t give_scratch(ngx_http_request_t* r, Call* call) noexcept {
  size_t size = scratch_bytes(call->query.size(), call->body.size());
  auto* scratch = static_cast<char*>(ngx_palloc(r->pool, size));
  if (scratch == nullptr) return NGX_HTTP_INTERNAL_SERVER_ERROR;
  call->scratch = {scratch, size};
  return NGX_OK;
}

}  // namespace

ngx_int_t describe_body(ngx_http_request_t* r, const LocationConf& conf, RequestState& state,
                        Call* call) noexcept {
  if (!body_chooses_function(call->wire_path, call->served_path)) {
    call->body_state = has_body(r) ? Body::kUnread : Body::kNone;
    return NGX_OK;
  }
  describe_fields(r, call);

  if (r->request_body != nullptr) {
    collect(r, conf, call);
  } else if (!has_body(r)) {
    call->body_state = Body::kNone;
  } else if (r->headers_in.content_length_n > static_cast<off_t>(conf.max_body)) {
    call->body_state = Body::kUnreadable;
  } else if (r != r->main || r->discard_body || identify(r, conf, state) == nullptr) {
    call->body_state = Body::kUnread;  // it cannot be had any more; or nobody we know wants us to read it
  } else {
    r->request_body_in_single_buf = 1;
    r->request_body_no_buffering = 0;
    ngx_int_t rc = ngx_http_read_client_request_body(r, continue_phases);
    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) return rc;
    ngx_http_finalize_request(r, NGX_DONE);  // gives back the reference that reading took
    return NGX_DONE;
  }
  return give_scratch(r, call);
}

}  // namespace tokengate
