// mod_tokengate: hooks and the module structure; start reading here.
#include "module.h"
#include "store.h"

namespace tokengate {
namespace {

void register_hooks(apr_pool_t* pool) {
  static const char* const kBeforeAuthzCore[] = {"mod_authz_core.c", nullptr};

  ap_hook_check_config(check_configuration, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_child_init(open_store, nullptr, nullptr, APR_HOOK_MIDDLE);

  // Forged identity goes before anybody can look at it.
  ap_hook_post_read_request(on_post_read_request, nullptr, nullptr, APR_HOOK_REALLY_FIRST);
  ap_hook_post_perdir_config(on_post_perdir_config, nullptr, nullptr, APR_HOOK_REALLY_FIRST);

  // PER_URI: redirects and subrequests are judged by their own path, even under the same configuration.
  ap_hook_check_authn(on_check_authn, nullptr, nullptr, APR_HOOK_MIDDLE, AP_AUTH_INTERNAL_PER_URI);
  ap_hook_check_authz(on_check_authz, nullptr, kBeforeAuthzCore, APR_HOOK_REALLY_FIRST,
                      AP_AUTH_INTERNAL_PER_URI);
  ap_register_auth_provider(pool, AUTHZ_PROVIDER_GROUP, kProviderName, AUTHZ_PROVIDER_VERSION,
                            &kRequireProvider, AP_AUTH_INTERNAL_PER_URI);
  ap_hook_note_auth_failure(on_note_auth_failure, nullptr, nullptr, APR_HOOK_MIDDLE);

  // Before mod_rewrite and mod_headers can copy what is to be removed.
  ap_hook_fixups(on_fixups, nullptr, nullptr, APR_HOOK_REALLY_FIRST);
  ap_hook_insert_filter(insert_body_filter, nullptr, nullptr, APR_HOOK_FIRST);
  ap_hook_handler(on_handler, nullptr, nullptr, APR_HOOK_REALLY_FIRST);
  ap_hook_insert_error_filter(insert_refusal_filter, nullptr, nullptr, APR_HOOK_LAST);
  register_body_filter();
  register_refusal_filter();
}

}  // namespace
}  // namespace tokengate

// The type by its tag: its usual name, `module`, would begin a module declaration of C++20 here.
module_struct tokengate_module = {STANDARD20_MODULE_STUFF,        tokengate::create_dir_config,
                                  tokengate::merge_dir_config,    tokengate::create_server_config,
                                  tokengate::merge_server_config, tokengate::kCommands,
                                  tokengate::register_hooks,      AP_MODULE_FLAG_NONE};
