// The store, opened once in each worker after the fork, and looked after by a timer.
#include "module.h"

#include <exception>
#include <new>
#include <string>
#include <utility>

namespace tokengate {
namespace {

constexpr ngx_msec_t kMaintainEveryMs = 1000;
constexpr time_t kRemindEverySeconds = 60;

struct OpenStore {
  explicit OpenStore(std::string path) : verifier(std::move(path)), reader(verifier) {}
  Verifier verifier;
  Reader reader;
};

// A worker has one thread.
OpenStore* store = nullptr;
ngx_event_t timer;
ngx_connection_t timer_owner;  // nginx's debug log wants the descriptor of a timer's connection
bool in_trouble = false;
time_t last_reminder = 0;
time_t last_refusal_logged = 0;
unsigned refusals_suppressed = 0;

void log_trouble(ngx_log_t* log) noexcept {
  try {
    std::string problem = store->verifier.problem();
    ngx_str_t text = ngx_text(problem);
    ngx_log_error(NGX_LOG_ERR, log, 0, "tokengate: requests are refused: %V", &text);
  } catch (const std::exception&) {
    ngx_log_error(NGX_LOG_ERR, log, 0, "tokengate: requests are refused: the store is not open");
  }
}

/// Says once that trouble began or ended, and once a minute that it lasts.
void report(bool open, ngx_log_t* log) noexcept {
  if (open) {
    if (in_trouble) ngx_log_error(NGX_LOG_NOTICE, log, 0, "tokengate: the store is open again");
    in_trouble = false;
    return;
  }
  if (in_trouble && ngx_time() - last_reminder < kRemindEverySeconds) return;
  in_trouble = true;
  last_reminder = ngx_time();
  log_trouble(log);
}

void maintain(ngx_event_t* event) {
  report(store->verifier.maintain(), event->log);
  ngx_add_timer(event, kMaintainEveryMs);
}

}  // namespace

ngx_int_t start_worker(ngx_cycle_t* cycle) {
  // The cache manager and loader come through here too, and serve no request.
  if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE) return NGX_OK;
  const auto* conf =
      static_cast<const MainConf*>(ngx_http_cycle_get_module_main_conf(cycle, ngx_http_tokengate_module));
  if (conf == nullptr || conf->store_path.len == 0) return NGX_OK;

  // An error returned from here would end the worker for good. Without a store it refuses, and serves the
  // rest.
  try {
    store = new OpenStore(std::string(view(conf->store_path)));
  } catch (const std::exception&) {
    ngx_log_error(NGX_LOG_ERR, cycle->log, 0, "tokengate: requests are refused: no memory for the store");
    return NGX_OK;
  }
  report(store->verifier.maintain(), cycle->log);

  timer_owner.fd = static_cast<ngx_socket_t>(-1);
  timer = {};
  timer.handler = maintain;
  timer.data = &timer_owner;
  timer.log = cycle->log;
  timer.cancelable = 1;  // a worker that is told to quit does not wait for it
  ngx_add_timer(&timer, kMaintainEveryMs);
  return NGX_OK;
}

void stop_worker(ngx_cycle_t*) {
  if (timer.timer_set) ngx_del_timer(&timer);
  delete store;
  store = nullptr;
}

Reader* worker_reader() noexcept {
  return store == nullptr ? nullptr : &store->reader;
}

bool may_log_store_trouble(unsigned* suppressed) noexcept {
  if (ngx_time() == last_refusal_logged) {
    refusals_suppressed++;
    return false;
  }
  last_refusal_logged = ngx_time();
  *suppressed = refusals_suppressed;
  refusals_suppressed = 0;
  return true;
}

}  // namespace tokengate
