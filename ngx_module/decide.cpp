// Request -> decision: what the core needs to know of a request, and nothing decided here.
#include "module.h"

#include <new>

namespace tokengate {

static_assert(std::is_trivially_destructible_v<Decision>, "lives in a pool");

Connection connection_of(ngx_http_request_t* r) noexcept {
  Connection connection;
  connection.client = Address::from_sockaddr(r->connection->sockaddr);
#if (NGX_HTTP_SSL)
  connection.tls = r->connection->ssl != nullptr;
#endif
  connection.now_unix_s = ngx_time();
  return connection;
}

Call call_of(ngx_http_request_t* r) noexcept {
  Call call;
  call.method = view(r->method_name);
  call.served_path = view(r->uri);
  call.query = view(r->args);
  call.names_another_call = names_another_call(r);
  if (r == r->main && r->valid_unparsed_uri) {
    std::string_view target = view(r->unparsed_uri);
    size_t mark = target.find('?');
    call.wire_path = target.substr(0, mark);
    // nginx cuts a fragment off r->args, but passes it on.
    call.query = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  }
  return call;
}

const Decision* decide(ngx_http_request_t* r, const LocationConf& conf, RequestState& state,
                       const Call& call) noexcept {
  void* memory = ngx_palloc(r->pool, sizeof(Decision));
  if (memory == nullptr) return nullptr;
  Reader* reader = worker_reader();
  if (reader == nullptr) return new (memory) Decision;  // which is kStoreUnavailable
  return new (memory)
      Decision(reader->verify(conf.rules, find_credentials(r, conf, state), connection_of(r), call));
}

}  // namespace tokengate
