// The request's header list: removes forged identity and spent credentials from it, and adds the caller's
// identity.
#include "module.h"

#include <algorithm>
#include <charconv>
#include <new>

namespace tokengate {
namespace {

/// Removes the elements of `list` for which `unwanted` holds. Elements stay where they are in memory, because
/// others point to them; only the list's parts change. NGX_ERROR if memory is out: then some may be left.
template <class Unwanted>
ngx_int_t remove_headers(ngx_list_t* list, ngx_pool_t* pool, Unwanted unwanted) noexcept {
  ngx_list_part_t* previous = nullptr;
  ngx_list_part_t* part = &list->part;
  ngx_uint_t i = 0;
  while (part != nullptr) {
    auto* headers = static_cast<ngx_table_elt_t*>(part->elts);
    if (i >= part->nelts) {
      previous = part;
      part = part->next;
      i = 0;
    } else if (!unwanted(headers[i])) {
      i++;
    } else if (part->nelts == 1 && previous != nullptr) {
      // An empty part may only be the first: loops over the list read element 0 of the others unasked.
      previous->next = part->next;
      if (list->last == part) {
        list->last = previous;
        list->nalloc = std::max<ngx_uint_t>(previous->nelts, 1);  // full; and 0 would break the next push
      }
      part = part->next;
      i = 0;
    } else if (i == part->nelts - 1) {
      part->nelts--;
    } else if (i == 0) {
      part->elts = headers + 1;
      part->nelts--;
      if (list->last == part) list->nalloc--;
    } else {
      auto* rest = static_cast<ngx_list_part_t*>(ngx_palloc(pool, sizeof(ngx_list_part_t)));
      if (rest == nullptr) return NGX_ERROR;
      rest->elts = headers + i + 1;
      rest->nelts = part->nelts - i - 1;
      rest->next = part->next;
      part->nelts = i;
      part->next = rest;
      if (list->last == part) {
        list->last = rest;
        list->nalloc -= i + 1;
      }
      previous = part;
      part = rest;
      i = 0;
    }
  }
  return NGX_OK;
}

template <class Visit>
void for_each_header(const ngx_list_t& list, Visit visit) noexcept {
  for (const ngx_list_part_t* part = &list.part; part != nullptr; part = part->next) {
    auto* headers = static_cast<ngx_table_elt_t*>(part->elts);
    for (ngx_uint_t i = 0; i < part->nelts; i++) visit(headers[i]);
  }
}

ngx_int_t remove_identity(ngx_http_request_t* r) noexcept {
  const ServerConf& conf = server_conf(r);
  return remove_headers(&r->headers_in.headers, r->pool, [&conf](const ngx_table_elt_t& header) {
    return is_identity_header(conf, view(header.key));
  });
}

ngx_int_t add_header(ngx_http_request_t* r, const HeaderName& name, std::string_view value) noexcept {
  auto* header = static_cast<ngx_table_elt_t*>(ngx_list_push(&r->headers_in.headers));
  if (header == nullptr) return NGX_ERROR;
  *header = ngx_table_elt_t{};
  header->hash = name.hash;
  header->key = name.name;
  header->lowcase_key = name.lowcase;
  header->value = ngx_text(value);
  return NGX_OK;
}

/// The forms that make_header_name() would give, without a pool.
HeaderName fixed_name(std::string_view name, std::string_view lowcase) noexcept {
  ngx_str_t lower = ngx_text(lowcase);
  return {ngx_text(name), lower.data, ngx_hash_key(lower.data, lower.len)};
}

const HeaderName kServiceName = fixed_name(kServiceHeader, "x-tokengate-service");
const HeaderName kTokenName = fixed_name(kTokenHeader, "x-tokengate-token");
const HeaderName kTokenIdName = fixed_name(kTokenIdHeader, "x-tokengate-token-id");
const HeaderName kSecretSerialName = fixed_name(kSecretSerialHeader, "x-tokengate-secret-serial");
const HeaderName kConnectionName = fixed_name("Connection", "connection");

bool is_named(const ngx_table_elt_t& header, const HeaderName& name) noexcept {
  return header.hash == name.hash && header.key.len == name.name.len &&
         ngx_memcmp(header.lowcase_key, name.lowcase, name.name.len) == 0;
}

/// Where $http_connection is passed on, the next proxy would drop the headers that a client names in it.
void clean_connection(ngx_str_t* value) noexcept {
  const ConnectionOptions options = read_connection_options(view(*value));
  if (options.complete) return;
  const std::string_view known = options.known.view();
  *ngx_cpymem(value->data, known.data(), known.size()) = '\0';  // it is shorter than what was there
  value->len = known.size();
}

/// $remote_user has no setter, and is worked out from Basic credentials; a value already there is used
/// instead.
void set_remote_user(ngx_http_request_t* r, RequestState& state, std::string_view user) noexcept {
  ngx_http_variable_value_t& value = r->variables[main_conf(r).remote_user_index];
  value = {};
  value.len = static_cast<unsigned>(user.size());
  value.data = ngx_text(user).data;
  value.valid = 1;
  state.remote_user_set = true;
}

/// A value worked out while the header was there counts no more. Not for good: subrequests share the values
/// with a request that may still have its header.
void forget_header_variable(ngx_http_request_t* r, ngx_int_t index) noexcept {
  ngx_http_variable_value_t& value = r->variables[index];
  value = {};
  value.not_found = 1;
  value.no_cacheable = 1;
}

/// Whether `header` is `key`, which may be null. Then the token in it is known or of no use, and it will go.
bool is_key_header(ngx_http_request_t* r, RequestState& state, const KeyHeader* key,
                   const ngx_table_elt_t& header) noexcept {
  if (key == nullptr || !header_names_fold_alike(view(header.key), view(key->name))) return false;
  state.stripped = true;
  forget_header_variable(r, key->variable_index);
  return true;
}

/// Removes the headers for which `spent` holds, and Authorization if asked.
template <class Spent>
ngx_int_t remove_spent(ngx_http_request_t* r, RequestState& state, bool authorization, Spent spent) noexcept {
  const ngx_table_elt_t* const field = authorization ? r->headers_in.authorization : nullptr;
  ngx_int_t rc = remove_headers(&r->headers_in.headers, r->pool, [&](const ngx_table_elt_t& header) {
    return &header == field || spent(header);
  });
  if (field == nullptr) return rc;
  state.stripped = true;
  forget_header_variable(r, main_conf(r).authorization_index);
  r->headers_in.authorization = nullptr;
  // Without the header, nginx forgets whom it read out of it, and leaves the length of the name standing.
  ngx_str_t& user = r->headers_in.user;
  if (user.len > 0) set_remote_user(r, state, view(user));
  user = ngx_str_t{};
  return rc;
}

}  // namespace

ngx_int_t make_header_name(ngx_pool_t* pool, std::string_view name, HeaderName* header) {
  header->name = ngx_text(name);
  header->lowcase = static_cast<u_char*>(ngx_pnalloc(pool, name.size()));
  if (header->lowcase == nullptr) return NGX_ERROR;
  header->hash = ngx_hash_strlow(header->lowcase, header->name.data, header->name.len);
  return NGX_OK;
}

void note_identity_names(ServerConf* conf) noexcept {
  for (std::string_view name :
       {kUserHeader, kServiceHeader, kTokenHeader, kTokenIdHeader, kSecretSerialHeader})
    conf->identity_name_lengths |= uint64_t{1} << name.size();
  if (conf->user_headers == nullptr) return;
  const auto* names = static_cast<const HeaderName*>(conf->user_headers->elts);
  for (ngx_uint_t i = 0; i < conf->user_headers->nelts; i++)
    conf->identity_name_lengths |= uint64_t{1} << names[i].name.len;
}

std::string_view decimal(ngx_pool_t* pool, uint64_t number) noexcept {
  auto* text = static_cast<char*>(ngx_pnalloc(pool, NGX_INT64_LEN));
  if (text == nullptr) return {};
  return {text, std::to_chars(text, text + NGX_INT64_LEN, number).ptr};
}

bool is_identity_header(const ServerConf& conf, std::string_view name) noexcept {
  // Folding keeps the length.
  if (name.size() > kMaxHeaderNameBytes || !(conf.identity_name_lengths & (uint64_t{1} << name.size())))
    return false;
  if (header_names_fold_alike(name, kUserHeader) || is_fixed_identity_header(name)) return true;
  if (conf.user_headers == nullptr) return false;
  const auto* names = static_cast<const HeaderName*>(conf.user_headers->elts);
  return std::any_of(names, names + conf.user_headers->nelts, [name](const HeaderName& header) {
    return header_names_fold_alike(name, view(header.name));
  });
}

ngx_int_t clean_headers(ngx_http_request_t* r) noexcept {
  const ServerConf& conf = server_conf(r);
  return remove_headers(&r->headers_in.headers, r->pool, [&conf](ngx_table_elt_t& header) {
    if (is_named(header, kConnectionName)) clean_connection(&header.value);
    return is_identity_header(conf, view(header.key));
  });
}

/// Whatever becomes of the request.
ngx_int_t clean_received_headers_handler(ngx_http_request_t* r) {
  if (!server_conf(r).present) return NGX_DECLINED;
  return clean_headers(r) == NGX_OK ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
}

bool names_another_call(ngx_http_request_t* r) noexcept {
  bool found = false;
  for_each_header(r->headers_in.headers, [&](const ngx_table_elt_t& header) {
    found = found || header_names_another_call(view(header.key));
  });
  return found;
}

CredentialFields credential_fields(ngx_http_request_t* r, const LocationConf& conf) noexcept {
  CredentialFields fields;
  if (const ngx_table_elt_t* authorization = r->headers_in.authorization) {
    fields.authorization = view(authorization->value);
    fields.authorization_count = 1;  // nginx answers a second one with 400
  }
  if (conf.key_header == nullptr) return fields;
  for_each_header(r->headers_in.headers, [&](const ngx_table_elt_t& header) {
    if (is_named(header, *conf.key_header) && fields.key_header_count++ == 0)
      fields.key_header = view(header.value);
  });
  return fields;
}

ngx_int_t remove_credentials(ngx_http_request_t* r, const LocationConf& conf, RequestState& state,
                             bool authorization) noexcept {
  if (conf.key_header == nullptr && (!authorization || r->headers_in.authorization == nullptr)) return NGX_OK;
  return remove_spent(r, state, authorization, [&](const ngx_table_elt_t& header) {
    return is_key_header(r, state, conf.key_header, header);
  });
}

ngx_int_t remove_judged(ngx_http_request_t* r, const LocationConf& conf, RequestState& state) noexcept {
  return remove_spent(r, state, !conf.pass_authorization, [&](const ngx_table_elt_t& header) {
    return header_changes_call(view(header.key)) || is_key_header(r, state, conf.key_header, header);
  });
}

ngx_int_t remove_all_credentials(ngx_http_request_t* r, RequestState& state) noexcept {
  const ServerConf& conf = server_conf(r);
  const ngx_table_elt_t* authorization = r->headers_in.authorization;
  bool spent = authorization != nullptr && is_of_scheme(view(authorization->value), conf.schemes);
  return remove_spent(r, state, spent, [&](const ngx_table_elt_t& header) {
    if (conf.key_headers == nullptr) return false;
    const auto* keys = static_cast<KeyHeader* const*>(conf.key_headers->elts);
    return std::any_of(keys, keys + conf.key_headers->nelts,
                       [&](const KeyHeader* key) { return is_key_header(r, state, key, header); });
  });
}

ngx_int_t inject_identity(ngx_http_request_t* r, const LocationConf& conf, RequestState& state,
                          const Caller& caller) noexcept {
  if (withdraw_identity(r, state) != NGX_OK) return NGX_ERROR;
  state.identity_injected = true;
  const std::string_view token_id = decimal(r->pool, caller.token_id);
  const std::string_view secret_serial = decimal(r->pool, caller.secret_serial);
  if (token_id.empty() || secret_serial.empty() ||
      add_header(r, *conf.user_header, caller.user.view()) != NGX_OK ||
      add_header(r, kServiceName, service_name(caller.service)) != NGX_OK ||
      add_header(r, kTokenName, caller.token_name.view()) != NGX_OK ||
      add_header(r, kTokenIdName, token_id) != NGX_OK ||
      add_header(r, kSecretSerialName, secret_serial) != NGX_OK) {
    return NGX_ERROR;
  }
  set_remote_user(r, state, caller.user.view());
  return NGX_OK;
}

ngx_int_t withdraw_identity(ngx_http_request_t* r, RequestState& state) noexcept {
  if (state.remote_user_set) {
    r->variables[main_conf(r).remote_user_index].valid = 0;
    state.remote_user_set = false;
  }
  // A subrequest begins with a copy of its parent's headers, identity included.
  if (!state.identity_injected && r == r->main) return NGX_OK;
  state.identity_injected = false;
  return remove_identity(r);
}

ngx_int_t own_request_headers(ngx_http_request_t* r, RequestState& state) noexcept {
  if (r == r->main || state.own_headers) return NGX_OK;
  ngx_list_t own;
  if (ngx_list_init(&own, r->pool, 20, sizeof(ngx_table_elt_t)) != NGX_OK) return NGX_ERROR;
  bool complete = true;
  ngx_table_elt_t* authorization = nullptr;
  for_each_header(r->headers_in.headers, [&](ngx_table_elt_t& header) {
    auto* copy = static_cast<ngx_table_elt_t*>(ngx_list_push(&own));
    if (copy == nullptr) {
      complete = false;
      return;
    }
    *copy = header;
    if (&header == r->headers_in.authorization) authorization = copy;
  });
  if (!complete) return NGX_ERROR;
  bool single_part = own.last == &own.part;
  r->headers_in.headers = own;
  if (single_part) r->headers_in.headers.last = &r->headers_in.headers.part;
  r->headers_in.authorization = authorization;
  state.own_headers = true;
  return NGX_OK;
}

}  // namespace tokengate
