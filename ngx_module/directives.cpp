// Directive setters: each takes the words of one directive, or says what is wrong with them and what would be
// right.
#include "module.h"

#include <algorithm>
#include <new>

namespace tokengate {
namespace {

std::string_view word(ngx_conf_t* cf, ngx_uint_t index) noexcept {
  return view(static_cast<const ngx_str_t*>(cf->args->elts)[index]);
}

/// A setter's complaint. nginx takes a char* that it only prints.
char* complaint(const char* text) noexcept {
  return const_cast<char*>(text);
}

char* out_of_memory() noexcept {
  return static_cast<char*>(NGX_CONF_ERROR);
}

/// Every directive, at whatever level, switches the removal of forged identity on in its server block.
ServerConf* note_presence(ngx_conf_t* cf) noexcept {
  auto* conf = static_cast<ServerConf*>(ngx_http_conf_get_module_srv_conf(cf, ngx_http_tokengate_module));
  conf->present = 1;
  return conf;
}

/// `name` in the form that requests need, a HeaderName or more; null if memory is out.
template <class Header>
Header* copy_header_name(ngx_conf_t* cf, std::string_view name) noexcept {
  void* memory = ngx_palloc(cf->pool, sizeof(Header));
  if (memory == nullptr) return nullptr;
  auto* header = new (memory) Header{};
  return make_header_name(cf->pool, name, header) == NGX_OK ? header : nullptr;
}

/// The index of $http_…, the variable of a header with this name.
ngx_int_t header_variable_index(ngx_conf_t* cf, const HeaderName& header) noexcept {
  constexpr std::string_view kPrefix = "http_";
  ngx_str_t variable{kPrefix.size() + header.name.len, nullptr};
  variable.data = static_cast<u_char*>(ngx_pnalloc(cf->pool, variable.len));
  if (variable.data == nullptr) return NGX_ERROR;
  u_char* end = ngx_cpymem(variable.data, kPrefix.data(), kPrefix.size());
  std::replace_copy(header.lowcase, header.lowcase + header.name.len, end, u_char{'-'}, u_char{'_'});
  return ngx_http_get_variable_index(cf, &variable);
}

struct Choice {
  std::string_view name;
  ngx_uint_t value;
};

/// Sets `*field` to the value of the directive's only word; false if it is none of `choices`.
template <size_t Count>
bool choose(std::string_view name, const Choice (&choices)[Count], ngx_uint_t* field) noexcept {
  for (const Choice& choice : choices) {
    if (choice.name != name) continue;
    *field = choice.value;
    return true;
  }
  return false;
}

}  // namespace

char* set_mode(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  auto* location = static_cast<LocationConf*>(conf);
  if (location->mode != NGX_CONF_UNSET_UINT) return complaint("is duplicate");
  note_presence(cf);
  constexpr Choice kModes[] = {{"off", kModeOff}, {"on", kModeOn}, {"report_only", kModeReportOnly}};
  if (!choose(word(cf, 1), kModes, &location->mode))
    return complaint("must be \"on\", \"off\" or \"report_only\"");
  return NGX_CONF_OK;
}

char* set_store(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  auto* main = static_cast<MainConf*>(conf);
  if (main->store_path.len > 0) return complaint("is duplicate: there is one store for the whole server");
  note_presence(cf);
  std::string_view path = word(cf, 1);
  if (path.empty() || path.find('\0') != std::string_view::npos)
    return complaint("needs the path of the store's folder, such as /var/lib/tokengate");
  if (path.find('$') != std::string_view::npos)
    return complaint("cannot hold a variable: the store is opened once");
  main->store_path = static_cast<ngx_str_t*>(cf->args->elts)[1];
  // Relative to the folder of the configuration, as with nginx's own files that are only read.
  if (ngx_conf_full_name(cf->cycle, &main->store_path, 1) != NGX_OK) return out_of_memory();
  return NGX_CONF_OK;
}

char* set_service(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  auto* location = static_cast<LocationConf*>(conf);
  if (location->service != NGX_CONF_UNSET_UINT)
    return complaint("is duplicate: a location serves one service");
  note_presence(cf);
  const Choice services[] = {{service_name(Service::kCpanel), static_cast<ngx_uint_t>(Service::kCpanel)},
                             {service_name(Service::kWhm), static_cast<ngx_uint_t>(Service::kWhm)}};
  if (!choose(word(cf, 1), services, &location->service)) return complaint("must be \"cpanel\" or \"whm\"");
  return NGX_CONF_OK;
}

char* set_require(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  auto* location = static_cast<LocationConf*>(conf);
  if (location->required != NGX_CONF_UNSET_PTR) return complaint("is duplicate: name all ACLs in one line");
  note_presence(cf);
  ngx_uint_t count = cf->args->nelts - 1;
  if (count == 1 && word(cf, 1) == "catalog") {
    location->required = nullptr;
    return NGX_CONF_OK;
  }
  location->required = ngx_array_create(cf->pool, count, sizeof(std::string_view));
  if (location->required == nullptr) return out_of_memory();
  for (ngx_uint_t i = 1; i <= count; i++) {
    std::string_view name = word(cf, i);
    if (name == "catalog") return complaint("takes either \"catalog\" alone or names of ACLs");
    if (!is_acl_name(name))
      return complaint(
          "needs names of ACLs: at most 64 letters, digits, \".\", \"_\" and \"-\", beginning with a "
          "letter or digit");
    void* slot = ngx_array_push(location->required);
    if (slot == nullptr) return out_of_memory();
    new (slot) std::string_view(name);
  }
  return NGX_CONF_OK;
}

char* set_schemes(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  auto* location = static_cast<LocationConf*>(conf);
  if (location->schemes != NGX_CONF_UNSET_UINT)
    return complaint("is duplicate: name all schemes in one line");
  note_presence(cf);
  ngx_uint_t schemes = kSchemeNone;
  for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
    Scheme scheme = scheme_from_name(word(cf, i));
    if (scheme == kSchemeNone) return complaint("takes \"cpanel\", \"whm\", \"bearer\" and \"basic\" only");
    schemes |= scheme;
  }
  location->schemes = schemes;
  return NGX_CONF_OK;
}

char* set_key_header(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  auto* location = static_cast<LocationConf*>(conf);
  if (location->key_header != NGX_CONF_UNSET_PTR) return complaint("is duplicate");
  note_presence(cf);
  std::string_view name = word(cf, 1);
  if (name == "off") {
    location->key_header = nullptr;
    return NGX_CONF_OK;
  }
  if (std::string_view problem = header_name_problem(name); !problem.empty())
    return complaint(problem.data());
  auto* header = copy_header_name<KeyHeader>(cf, name);
  if (header == nullptr) return out_of_memory();
  header->variable_index = header_variable_index(cf, *header);
  if (header->variable_index == NGX_ERROR) return out_of_memory();
  location->key_header = header;
  return NGX_CONF_OK;
}

char* set_user_header(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  auto* location = static_cast<LocationConf*>(conf);
  if (location->user_header != NGX_CONF_UNSET_PTR) return complaint("is duplicate");
  ServerConf* server = note_presence(cf);
  std::string_view name = word(cf, 1);
  if (std::string_view problem = header_name_problem(name); !problem.empty())
    return complaint(problem.data());
  if (is_fixed_identity_header(name))
    return complaint("names the header of another value: choose one of your own, such as X-User");
  location->user_header = copy_header_name<HeaderName>(cf, name);
  if (location->user_header == nullptr) return out_of_memory();

  if (server->user_headers == nullptr) {
    server->user_headers = ngx_array_create(cf->pool, 2, sizeof(HeaderName));
    if (server->user_headers == nullptr) return out_of_memory();
  }
  void* slot = ngx_array_push(server->user_headers);
  if (slot == nullptr) return out_of_memory();
  new (slot) HeaderName(*location->user_header);
  return NGX_CONF_OK;
}

char* set_realm(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  auto* location = static_cast<LocationConf*>(conf);
  if (location->realm.data != nullptr) return complaint("is duplicate");
  note_presence(cf);
  std::string_view realm = word(cf, 1);
  if (!is_realm(realm))
    return complaint(
        "needs a text of 1 to 128 printable ASCII characters; it is shown as it stands, without variables");
  location->realm = static_cast<ngx_str_t*>(cf->args->elts)[1];
  return NGX_CONF_OK;
}

char* set_refusals(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  auto* location = static_cast<LocationConf*>(conf);
  if (location->refusals != NGX_CONF_UNSET_UINT) return complaint("is duplicate");
  note_presence(cf);
  constexpr Choice kStyles[] = {{"standard", static_cast<ngx_uint_t>(RefusalStyle::kStandard)},
                                {"panel", static_cast<ngx_uint_t>(RefusalStyle::kPanel)}};
  if (!choose(word(cf, 1), kStyles, &location->refusals))
    return complaint("must be \"standard\" or \"panel\"");
  return NGX_CONF_OK;
}

char* set_max_body(ngx_conf_t* cf, ngx_command_t* command, void* conf) {
  note_presence(cf);
  auto* location = static_cast<LocationConf*>(conf);
  if (location->max_body != NGX_CONF_UNSET_SIZE) return complaint("is duplicate");
  if (ngx_conf_set_size_slot(cf, command, conf) != NGX_CONF_OK)
    return complaint("needs a size in bytes, or with k or m, such as 512k");
  if (location->max_body > kLargestMaxBodyBytes)
    return complaint("may be 64m at most: bodies that choose the function are held in memory");
  return NGX_CONF_OK;
}

char* set_flag(ngx_conf_t* cf, ngx_command_t* command, void* conf) {
  note_presence(cf);
  return ngx_conf_set_flag_slot(cf, command, conf);
}

}  // namespace tokengate
