// The request's body: read once to find the function, and handed on unchanged.
#include <algorithm>
#include <cstring>

#include "module.h"

namespace tokengate {
namespace {

constexpr char kFilterName[] = "TOKENGATE_BODY";

/// Appends what `brigade` holds to `*whole`, up to `max_bytes` in all. False if that is not possible; true
/// with `*at_end` set once the body has ended.
bool collect(apr_bucket_brigade* brigade, apr_bucket_brigade* whole, apr_off_t max_bytes, apr_off_t* bytes,
             bool* at_end) {
  while (!APR_BRIGADE_EMPTY(brigade)) {
    apr_bucket* bucket = APR_BRIGADE_FIRST(brigade);
    if (APR_BUCKET_IS_EOS(bucket)) {
      *at_end = true;
      return true;
    }
    if (APR_BUCKET_IS_METADATA(bucket)) {
      apr_bucket_delete(bucket);
      continue;
    }
    const char* data = nullptr;
    apr_size_t length = 0;
    if (apr_bucket_read(bucket, &data, &length, APR_BLOCK_READ) != APR_SUCCESS) return false;
    *bytes += static_cast<apr_off_t>(length);
    if (*bytes > max_bytes) return false;
    if (apr_brigade_write(whole, nullptr, nullptr, data, length) != APR_SUCCESS) return false;
    apr_bucket_delete(bucket);
  }
  return true;
}

/// The whole body into pool memory; kUnreadable if it is too large or does not come to its end.
/// `*lost` is set if part of it is gone then.
Body read_body(request_rec* r, apr_off_t max_bytes, std::string_view* result, bool* lost) {
  if (const char* announced = apr_table_get(r->headers_in, "Content-Length")) {
    apr_off_t length = 0;
    if (!ap_parse_strict_length(&length, announced) || length > max_bytes) return Body::kUnreadable;
  }
  apr_bucket_brigade* brigade = apr_brigade_create(r->pool, r->connection->bucket_alloc);
  apr_bucket_brigade* whole = apr_brigade_create(r->pool, r->connection->bucket_alloc);
  apr_off_t bytes = 0;
  bool at_end = false;
  while (!at_end) {
    apr_status_t status =
        ap_get_brigade(r->input_filters, brigade, AP_MODE_READBYTES, APR_BLOCK_READ, HUGE_STRING_LEN);
    bool empty = APR_BRIGADE_EMPTY(brigade);
    if (status != APR_SUCCESS || empty || !collect(brigade, whole, max_bytes, &bytes, &at_end)) {
      apr_brigade_destroy(brigade);
      apr_brigade_destroy(whole);
      *lost = true;
      return Body::kUnreadable;
    }
    apr_brigade_cleanup(brigade);
  }
  char* data = nullptr;
  apr_size_t length = 0;
  apr_status_t status = apr_brigade_pflatten(whole, &data, &length, r->pool);
  apr_brigade_destroy(whole);
  if (status != APR_SUCCESS) return Body::kUnreadable;
  *result = {data, length};
  return length == 0 ? Body::kNone : Body::kRead;
}

/// How many of the remaining bytes go out for one read in this mode.
size_t portion(std::string_view rest, ap_input_mode_t mode, apr_off_t wanted) {
  if (mode == AP_MODE_EXHAUSTIVE) return rest.size();
  if (mode == AP_MODE_GETLINE) {
    size_t newline = rest.find('\n');
    size_t line = newline == std::string_view::npos ? rest.size() : newline + 1;
    return std::min<size_t>(line, HUGE_STRING_LEN);
  }
  return std::min<size_t>(rest.size(), wanted > 0 ? static_cast<size_t>(wanted) : 0);
}

apr_status_t give_body(ap_filter_t* filter, apr_bucket_brigade* brigade, ap_input_mode_t mode,
                       apr_read_type_e, apr_off_t wanted) {
  if (mode == AP_MODE_INIT) return APR_SUCCESS;
  auto* body = static_cast<KeptBody*>(filter->ctx);
  std::string_view rest = body->bytes.substr(body->taken);
  size_t length = portion(rest, mode, wanted);
  if (length > 0) {
    apr_bucket* bucket =
        apr_bucket_pool_create(rest.data(), length, filter->r->pool, filter->c->bucket_alloc);
    APR_BRIGADE_INSERT_TAIL(brigade, bucket);
  }
  if (mode != AP_MODE_SPECULATIVE) body->taken += length;
  if (length == rest.size()) {
    APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_eos_create(filter->c->bucket_alloc));
  }
  return APR_SUCCESS;
}

}  // namespace

void register_body_filter() {
  // Next to the protocol's own filter, so that content filters such as DEFLATE see what they always see.
  ap_register_input_filter(kFilterName, give_body, nullptr,
                           static_cast<ap_filter_type>(AP_FTYPE_PROTOCOL - 1));
}

bool has_body(const request_rec* r) noexcept {
  if (r->main != nullptr) return false;
  if (apr_table_get(r->headers_in, "Transfer-Encoding") != nullptr) return true;
  if (const char* length = apr_table_get(r->headers_in, "Content-Length"))
    return std::strcmp(length, "0") != 0;
  // HTTP/2 need not announce one.
  return r->proto_num >= HTTP_VERSION(2, 0);
}

const KeptBody& keep_body(request_rec* r, apr_off_t max_bytes) noexcept {
  request_rec* initial = initial_request(r);
  KeptBody& body = make_state(initial)->body;
  if (body.state == Body::kUnread) body.state = read_body(r, max_bytes, &body.bytes, &body.lost);
  return body;
}

void on_insert_filter(request_rec* r) {
  if (r->main != nullptr) return;
  RequestState* state = find_state(initial_request(r));
  if (state == nullptr || state->body.state != Body::kRead) return;
  for (const ap_filter_t* filter = r->input_filters; filter != nullptr; filter = filter->next) {
    if (filter->ctx == &state->body) return;
  }
  ap_add_input_filter(kFilterName, &state->body, r, r->connection);
}

}  // namespace tokengate
