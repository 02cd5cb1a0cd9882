// The nginx module's table of contents: directives, configuration create and merge, phases. Start reading
// here.
#include "module.h"

#include <exception>
#include <new>
#include <string>

namespace tokengate {
namespace {

constexpr ngx_uint_t kHttp = NGX_HTTP_MAIN_CONF;
constexpr ngx_uint_t kEverywhere =
    NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_HTTP_LIF_CONF | NGX_HTTP_LMT_CONF;

// clang-format off
ngx_command_t directives[] = {
    {ngx_string("tokengate"), kEverywhere | NGX_CONF_TAKE1,
     set_mode, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("tokengate_store"), kHttp | NGX_CONF_TAKE1,
     set_store, NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
    {ngx_string("tokengate_service"), kEverywhere | NGX_CONF_TAKE1,
     set_service, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("tokengate_require"), kEverywhere | NGX_CONF_1MORE,
     set_require, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("tokengate_schemes"), kEverywhere | NGX_CONF_1MORE,
     set_schemes, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("tokengate_header"), kEverywhere | NGX_CONF_TAKE1,
     set_key_header, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("tokengate_user_header"), kEverywhere | NGX_CONF_TAKE1,
     set_user_header, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("tokengate_pass_authorization"), kEverywhere | NGX_CONF_FLAG,
     set_flag, NGX_HTTP_LOC_CONF_OFFSET, offsetof(LocationConf, pass_authorization), nullptr},
    {ngx_string("tokengate_realm"), kEverywhere | NGX_CONF_TAKE1,
     set_realm, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("tokengate_refusals"), kEverywhere | NGX_CONF_TAKE1,
     set_refusals, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("tokengate_max_body"), kEverywhere | NGX_CONF_TAKE1,
     set_max_body, NGX_HTTP_LOC_CONF_OFFSET, offsetof(LocationConf, max_body), nullptr},
    {ngx_string("tokengate_plain_http"), kEverywhere | NGX_CONF_FLAG,
     set_flag, NGX_HTTP_LOC_CONF_OFFSET, offsetof(LocationConf, plain_http), nullptr},
    ngx_null_command,
};
// clang-format on

template <class Conf>
Conf* allocate(ngx_conf_t* cf) noexcept {
  void* memory = ngx_palloc(cf->pool, sizeof(Conf));
  return memory == nullptr ? nullptr : new (memory) Conf{};
}

void* create_main_conf(ngx_conf_t* cf) {
  return allocate<MainConf>(cf);
}

void* create_server_conf(ngx_conf_t* cf) {
  return allocate<ServerConf>(cf);
}

char* merge_server_conf(ngx_conf_t* cf, void* parent, void* child) {
  const auto* above = static_cast<const ServerConf*>(parent);
  auto* conf = static_cast<ServerConf*>(child);
  if (above->present) conf->present = 1;
  if (above->user_headers != nullptr) {
    if (conf->user_headers == nullptr) {
      conf->user_headers = ngx_array_create(cf->pool, above->user_headers->nelts, sizeof(HeaderName));
      if (conf->user_headers == nullptr) return static_cast<char*>(NGX_CONF_ERROR);
    }
    const auto* names = static_cast<const HeaderName*>(above->user_headers->elts);
    for (ngx_uint_t i = 0; i < above->user_headers->nelts; i++) {
      void* slot = ngx_array_push(conf->user_headers);
      if (slot == nullptr) return static_cast<char*>(NGX_CONF_ERROR);
      new (slot) HeaderName(names[i]);
    }
  }
  note_identity_names(conf);
  return NGX_CONF_OK;
}

void* create_location_conf(ngx_conf_t* cf) {
  auto* conf = allocate<LocationConf>(cf);
  if (conf == nullptr) return nullptr;
  conf->mode = NGX_CONF_UNSET_UINT;
  conf->service = NGX_CONF_UNSET_UINT;
  conf->schemes = NGX_CONF_UNSET_UINT;
  conf->required = static_cast<ngx_array_t*>(NGX_CONF_UNSET_PTR);
  conf->key_header = static_cast<KeyHeader*>(NGX_CONF_UNSET_PTR);
  conf->user_header = static_cast<HeaderName*>(NGX_CONF_UNSET_PTR);
  conf->pass_authorization = NGX_CONF_UNSET;
  conf->plain_http = NGX_CONF_UNSET;
  conf->refusals = NGX_CONF_UNSET_UINT;
  conf->max_body = NGX_CONF_UNSET_SIZE;
  return conf;
}

/// The name that tokengate_user_header has when nothing is configured.
HeaderName* default_user_header(ngx_conf_t* cf) noexcept {
  auto* header = allocate<HeaderName>(cf);
  if (header == nullptr || make_header_name(cf->pool, kUserHeader, header) != NGX_OK) return nullptr;
  return header;
}

/// Builds what requests read from what was configured. Throws if memory is out.
void work_out(ngx_conf_t* cf, LocationConf* conf) {
  conf->rules.service = static_cast<Service>(conf->service);
  conf->rules.schemes =
      static_cast<uint8_t>(conf->schemes | (conf->key_header != nullptr ? kSchemeKeyHeader : kSchemeNone));
  conf->rules.plain_http = conf->plain_http != 0;
  conf->rules.records_use = conf->mode != kModeReportOnly;
  if (conf->required != nullptr) {
    conf->rules.required_acls = {static_cast<const std::string_view*>(conf->required->elts),
                                 conf->required->nelts};
  }
  std::string value = challenge(conf->rules.schemes, view(conf->realm));
  ngx_str_t text = ngx_text(value);
  conf->challenge.data = ngx_pstrdup(cf->pool, &text);
  if (conf->challenge.data == nullptr) throw std::bad_alloc();
  conf->challenge.len = text.len;
}

/// Adds what a location that is on takes for credentials to what its server block does. False if memory is
/// out.
bool note_credentials(ngx_conf_t* cf, const LocationConf& conf, ServerConf* server) noexcept {
  if (conf.mode != kModeOn) return true;
  if (!conf.pass_authorization) server->schemes |= static_cast<uint8_t>(conf.schemes);
  if (conf.key_header == nullptr) return true;
  if (server->key_headers == nullptr) server->key_headers = ngx_array_create(cf->pool, 2, sizeof(void*));
  void* slot = server->key_headers != nullptr ? ngx_array_push(server->key_headers) : nullptr;
  if (slot == nullptr) return false;
  *static_cast<KeyHeader**>(slot) = conf.key_header;
  return true;
}

char* merge_location_conf(ngx_conf_t* cf, void* parent, void* child) {
  auto* above = static_cast<LocationConf*>(parent);
  auto* conf = static_cast<LocationConf*>(child);

  ngx_conf_merge_uint_value(conf->mode, above->mode, kModeOff);
  ngx_conf_merge_uint_value(conf->service, above->service, static_cast<ngx_uint_t>(Service::kCpanel));
  ngx_conf_merge_uint_value(conf->schemes, above->schemes, kDefaultSchemes);
  ngx_conf_merge_ptr_value(conf->required, above->required, nullptr);
  ngx_conf_merge_ptr_value(conf->key_header, above->key_header, nullptr);
  if (conf->user_header == NGX_CONF_UNSET_PTR) {
    if (above->user_header == NGX_CONF_UNSET_PTR) above->user_header = default_user_header(cf);
    conf->user_header = above->user_header;
  }
  if (conf->user_header == nullptr) return static_cast<char*>(NGX_CONF_ERROR);
  ngx_conf_merge_value(conf->pass_authorization, above->pass_authorization, 0);
  ngx_conf_merge_value(conf->plain_http, above->plain_http, 0);
  if (conf->realm.data == nullptr) conf->realm = above->realm;
  if (conf->realm.data == nullptr) conf->realm = ngx_text(kDefaultRealm);
  ngx_conf_merge_uint_value(conf->refusals, above->refusals,
                            static_cast<ngx_uint_t>(RefusalStyle::kStandard));
  ngx_conf_merge_size_value(conf->max_body, above->max_body, kDefaultMaxBodyBytes);

  if (conf->mode == kModeOff) return NGX_CONF_OK;

  const auto* main =
      static_cast<const MainConf*>(ngx_http_conf_get_module_main_conf(cf, ngx_http_tokengate_module));
  if (main->store_path.len == 0) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"tokengate\" is switched on, but there is no \"tokengate_store\": name the store's "
                       "folder in the http block, such as \"tokengate_store /var/lib/tokengate;\"");
    return static_cast<char*>(NGX_CONF_ERROR);
  }
  auto* server = static_cast<ServerConf*>(ngx_http_conf_get_module_srv_conf(cf, ngx_http_tokengate_module));
  if (conf->key_header != nullptr && is_identity_header(*server, view(conf->key_header->name))) {
    ngx_conf_log_error(
        NGX_LOG_EMERG, cf, 0,
        "\"tokengate_header %V\" names a header that carries identity to the backend and so is "
        "removed from every request: choose another, such as X-Api-Key",
        &conf->key_header->name);
    return static_cast<char*>(NGX_CONF_ERROR);
  }
  if (!note_credentials(cf, *conf, server)) return static_cast<char*>(NGX_CONF_ERROR);
  try {
    work_out(cf, conf);
  } catch (const std::exception&) {
    return static_cast<char*>(NGX_CONF_ERROR);
  }
  return NGX_CONF_OK;
}

/// The user that workers will run as. When the `user` directive stands after the http block it is not known
/// yet; then nginx's default is assumed.
void worker_user(ngx_conf_t* cf, unsigned* uid, unsigned* gid) {
  *uid = geteuid();
  *gid = getegid();
  if (*uid != 0) return;  // only root can change user
  const auto* core =
      reinterpret_cast<const ngx_core_conf_t*>(ngx_get_conf(cf->cycle->conf_ctx, ngx_core_module));
  if (core->user != static_cast<ngx_uid_t>(NGX_CONF_UNSET_UINT)) {
    *uid = core->user;
    *gid = core->group;
    return;
  }
  if (const passwd* user = getpwnam(NGX_USER)) *uid = user->pw_uid;
  if (const group* its_group = getgrnam(NGX_GROUP)) *gid = its_group->gr_gid;
}

/// A store that cannot be opened is a warning: the server must start, and serve what does not need it.
void warn_of_store(ngx_conf_t* cf, const MainConf& conf) {
  unsigned uid = 0;
  unsigned gid = 0;
  worker_user(cf, &uid, &gid);
  try {
    std::string problem = check_store_path(std::string(view(conf.store_path)), uid, gid);
    if (problem.empty()) return;
    ngx_str_t text = ngx_text(problem);
    ngx_log_error(NGX_LOG_WARN, cf->log, 0, "tokengate_store \"%V\": %V", &conf.store_path, &text);
  } catch (const std::exception&) {
    ngx_log_error(NGX_LOG_WARN, cf->log, 0, "tokengate_store \"%V\" could not be checked", &conf.store_path);
  }
}

bool add_handler(ngx_conf_t* cf, ngx_http_phases phase, ngx_http_handler_pt handler) {
  auto* core =
      static_cast<ngx_http_core_main_conf_t*>(ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
  void* slot = ngx_array_push(&core->phases[phase].handlers);
  if (slot == nullptr) return false;
  *static_cast<ngx_http_handler_pt*>(slot) = handler;
  return true;
}

ngx_int_t preconfigure(ngx_conf_t* cf) {
  return add_variables(cf);
}

ngx_int_t postconfigure(ngx_conf_t* cf) {
  auto* conf = static_cast<MainConf*>(ngx_http_conf_get_module_main_conf(cf, ngx_http_tokengate_module));
  if (index_variables(cf, conf) != NGX_OK) return NGX_ERROR;
  if (conf->store_path.len > 0) warn_of_store(cf, *conf);

  // In the order in which a request meets them.
  bool added =
      // When the head of a request was read: forged identity goes before anybody can look at it.
      add_handler(cf, NGX_HTTP_POST_READ_PHASE, clean_received_headers_handler) &&
      // Before anything in a location can end the request. Redirects begin here, the page of an early error
      // too: the phase above never saw its request.
      add_handler(cf, NGX_HTTP_REWRITE_PHASE, enter_location_handler) &&
      // Subrequests skip the access phase; this is the last one before it. And first of all that may fail.
      add_handler(cf, NGX_HTTP_PREACCESS_PHASE, preaccess_handler) &&
      // The decision: beside other access modules, so that `satisfy` joins them.
      add_handler(cf, NGX_HTTP_ACCESS_PHASE, access_handler) &&
      // The first one behind it: whoever let the request pass, its token stays here.
      add_handler(cf, NGX_HTTP_PRECONTENT_PHASE, leave_access_handler);
  if (!added) return NGX_ERROR;
  install_refusal_filters();
  return NGX_OK;
}

ngx_http_module_t context = {
    preconfigure,       postconfigure,     create_main_conf,     nullptr,
    create_server_conf, merge_server_conf, create_location_conf, merge_location_conf,
};

}  // namespace
}  // namespace tokengate

ngx_module_t ngx_http_tokengate_module = {
    NGX_MODULE_V1,
    &tokengate::context,
    tokengate::directives,
    NGX_HTTP_MODULE,
    nullptr,                  // init master
    nullptr,                  // init module
    tokengate::start_worker,  // init process
    nullptr,                  // init thread
    nullptr,                  // exit thread
    tokengate::stop_worker,   // exit process
    nullptr,                  // exit master
    NGX_MODULE_V1_PADDING,
};
