// mod_tokengate: directives, hooks and the module structure. Start reading here.
#include <cstddef>

#include "module.h"
#include "store.h"

namespace tokengate {
namespace {

/// The server's flag setter takes the offset of what to set as a pointer.
void* field(size_t offset) {
  return reinterpret_cast<void*>(offset);  // NOLINT(performance-no-int-to-ptr)
}

// The first four are watched, not replaced: each module that names a directive gets to see it.
const command_rec kDirectives[] = {
    AP_INIT_TAKE1("AuthType", note_auth_type, nullptr, OR_AUTHCFG, "`Tokengate` asks for a token"),
    AP_INIT_RAW_ARGS("Require", note_require, nullptr, OR_AUTHCFG,
                     "`tokengate` asks for a token that may make the call; names of ACLs may follow"),
    AP_INIT_TAKE1("AuthMerging", note_auth_merging, nullptr, OR_AUTHCFG,
                  "`Or` lets in whom a section above lets in"),
    AP_INIT_TAKE1("Satisfy", note_satisfy, nullptr, OR_AUTHCFG, "`Any` lets in whom Allow and Deny let in"),
    AP_INIT_TAKE1("TokengateStore", set_store, nullptr, RSRC_CONF, "folder of the token store"),
    AP_INIT_TAKE1("TokengateService", set_service, nullptr, OR_AUTHCFG | RSRC_CONF,
                  "which service's tokens are taken: cpanel or whm"),
    AP_INIT_TAKE_ARGV("TokengateSchemes", set_schemes, nullptr, OR_AUTHCFG | RSRC_CONF,
                      "how a token may come: any of cpanel, whm, bearer and basic"),
    AP_INIT_TAKE1("TokengateHeader", set_key_header, nullptr, OR_AUTHCFG | RSRC_CONF,
                  "a header that may carry a bare token, or off"),
    AP_INIT_TAKE1("TokengateUserHeader", set_user_header, nullptr, RSRC_CONF | ACCESS_CONF,
                  "the header that tells the backend the username"),
    AP_INIT_FLAG("TokengatePassAuthorization", ap_set_flag_slot,
                 field(offsetof(DirConfig, pass_authorization)), RSRC_CONF | ACCESS_CONF,
                 "whether the backend gets to see the credentials"),
    AP_INIT_TAKE1("TokengateRealm", set_realm, nullptr, OR_AUTHCFG | RSRC_CONF,
                  "the realm of the challenge; without it AuthName"),
    AP_INIT_TAKE1("TokengateRefusals", set_refusals, nullptr, OR_AUTHCFG | RSRC_CONF,
                  "the statuses of refusals: standard or panel"),
    AP_INIT_TAKE1("TokengateMaxBody", set_max_body, nullptr, RSRC_CONF | ACCESS_CONF,
                  "the largest body that is read to find the function called"),
    AP_INIT_FLAG("TokengatePlainHttp", ap_set_flag_slot, field(offsetof(DirConfig, plain_http)),
                 RSRC_CONF | ACCESS_CONF, "whether credentials are taken over plain HTTP from anywhere"),
    AP_INIT_FLAG("TokengateReportOnly", ap_set_flag_slot, field(offsetof(DirConfig, report_only)),
                 RSRC_CONF | ACCESS_CONF, "whether to decide and log, but let everything pass"),
    {nullptr, {}, nullptr, 0, RAW_ARGS, nullptr}};

// In the order in which a request meets them.
void register_hooks(apr_pool_t* pool) {
  static const char* const kBeforeAuthzCore[] = {"mod_authz_core.c", nullptr};

  // Once the configuration is read: refuses or warns about what could not protect anything.
  ap_hook_check_config(on_check_config, nullptr, nullptr, APR_HOOK_MIDDLE);
  // In each child, since a store must not be used across fork().
  ap_hook_child_init(on_child_init, nullptr, nullptr, APR_HOOK_MIDDLE);

  // When the head of a request was read: forged identity goes before anybody can look at it.
  ap_hook_post_read_request(on_post_read_request, nullptr, nullptr, APR_HOOK_REALLY_FIRST);
  // When a request's section is known: the first hook that a subrequest runs, which starts with a copy of
  // headers that hold our identity.
  ap_hook_post_perdir_config(on_post_perdir_config, nullptr, nullptr, APR_HOOK_REALLY_FIRST);

  // Authentication: who is calling. PER_URI, here and below: redirects and subrequests are judged by their
  // own path, even under the same configuration.
  ap_hook_check_authn(on_check_authn, nullptr, nullptr, APR_HOOK_MIDDLE, AP_AUTH_INTERNAL_PER_URI);
  // Authorization: before mod_authz_core, whose answer can only be 401 or 500; the decision has a better one.
  ap_hook_check_authz(on_check_authz, nullptr, kBeforeAuthzCore, APR_HOOK_REALLY_FIRST,
                      AP_AUTH_INTERNAL_PER_URI);
  // `Require tokengate`, which mod_authz_core asks, before authentication and after.
  ap_register_auth_provider(pool, AUTHZ_PROVIDER_GROUP, kProviderName, AUTHZ_PROVIDER_VERSION,
                            &kRequireProvider, AP_AUTH_INTERNAL_PER_URI);
  // Whoever answers 401 under AuthType Tokengate: with our challenge.
  ap_hook_note_auth_failure(on_note_auth_failure, nullptr, nullptr, APR_HOOK_MIDDLE);

  // The last hook before the handler, which also runs for what was authorized with another request: identity
  // is added and the token removed, before mod_rewrite and mod_headers can copy what is to be removed.
  ap_hook_fixups(on_fixups, nullptr, nullptr, APR_HOOK_REALLY_FIRST);
  // When the handler's filters are put together: a body that was read to find the function is given back.
  ap_hook_insert_filter(on_insert_filter, nullptr, nullptr, APR_HOOK_FIRST);
  // Before every handler: what runs must be what was judged.
  ap_hook_handler(on_handler, nullptr, nullptr, APR_HOOK_REALLY_FIRST);
  // When an error page is about to go out: the refusal's body takes its place, after all other filters.
  ap_hook_insert_error_filter(on_insert_error_filter, nullptr, nullptr, APR_HOOK_LAST);
  register_body_filter();
  register_refusal_filter();
}

}  // namespace
}  // namespace tokengate

// The type by its tag: its usual name, `module`, would begin a module declaration of C++20 here.
module_struct tokengate_module = {STANDARD20_MODULE_STUFF,        tokengate::create_dir_config,
                                  tokengate::merge_dir_config,    tokengate::create_server_config,
                                  tokengate::merge_server_config, tokengate::kDirectives,
                                  tokengate::register_hooks,      AP_MODULE_FLAG_NONE};
