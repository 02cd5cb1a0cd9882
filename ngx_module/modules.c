// What nginx looks up in a dynamic module. Plain C: the name arrays are char*, which string literals do not
// convert to in C++. A build inside nginx's own tree (the file `config`) generates its own.
#include <ngx_config.h>
#include <ngx_core.h>

#define EXPORTED __attribute__((visibility("default")))

extern ngx_module_t ngx_http_tokengate_module;

EXPORTED ngx_module_t* ngx_modules[] = {&ngx_http_tokengate_module, NULL};

EXPORTED char* ngx_module_names[] = {"ngx_http_tokengate_module", NULL};

// The place of every third-party filter: after the body was read into memory, before headers are written.
EXPORTED char* ngx_module_order[] = {"ngx_http_tokengate_module", "ngx_http_copy_filter_module", NULL};
