// Counts what a granting request costs: memory allocations and system calls between the call of
// read_credentials() and the return of verify(). Prints one line a request: "NAME: A allocations, S system
// calls in N requests".
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "tokengate/admin.h"
#include "tokengate/verify.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// Of the sanitizers' runtime; gcc does not ship the header (sanitizer/allocator_interface.h).
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*, size_t),
                                                         void (*on_free)(const volatile void*));
#endif

namespace {

/// Shared with the child process that is counted.
struct Counters {
  bool counting = false;
  long allocations = 0;
  long system_calls = 0;
  long last_system_call = 0;
  long granted = 0;
};
Counters* counters = nullptr;

void count_allocation() {
  if (counters != nullptr && counters->counting) ++counters->allocations;
}

void on_system_call(int, siginfo_t* info, void* context) {
  ++counters->system_calls;
  counters->last_system_call = info->si_syscall;
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RAX] = -ENOSYS;
}

/// From here on every system call of this process raises SIGSYS, but for the return from that and the exit.
bool trap_system_calls() {
  struct sigaction action {};
  action.sa_sigaction = on_system_call;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  if (sigaction(SIGSYS, &action, nullptr) != 0) return false;
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
  };
  sock_fprog program = {static_cast<unsigned short>(std::size(code)), code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/// Runs `prepare` and then `counted` in a child process. `counted` is what is counted.
bool count(const std::function<std::function<void()>()>& prepare) {
  *counters = {};
  pid_t child = fork();
  if (child < 0) return false;
  if (child == 0) {
    std::function<void()> counted = prepare();
    if (!trap_system_calls()) _exit(1);
    counters->counting = true;
    counted();
    counters->counting = false;
    syscall(SYS_exit_group, 0);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct Request {
  const char* name;
  tokengate::Service service;
  std::string authorization;
  std::string method;
  std::string path;
  std::string query;
  std::string body;
  std::vector<std::string_view> required_acls;
};

constexpr int kRequests = 1000;

/// Opens the store as a worker does and returns the requests to count. Opening is not counted.
std::function<void()> prepare_requests(const std::string& store, const Request& request) {
  auto verifier = std::make_shared<tokengate::Verifier>(store);
  auto reader = std::make_shared<tokengate::Reader>(*verifier);
  auto scratch = std::make_shared<std::vector<char>>(
      tokengate::scratch_bytes(request.query.size(), request.body.size()));
  return [verifier, reader, scratch, &request] {
    for (int i = 0; i < kRequests; ++i) {
      tokengate::Rules rules;
      rules.service = request.service;
      rules.required_acls = request.required_acls;
      tokengate::CredentialFields fields;
      fields.authorization = request.authorization;
      fields.authorization_count = 1;
      tokengate::Connection connection;
      sockaddr_in loopback{};
      loopback.sin_family = AF_INET;
      loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      connection.client = tokengate::Address::from_sockaddr(reinterpret_cast<sockaddr*>(&loopback));
      connection.now_unix_s = std::time(nullptr);
      tokengate::Call call;
      call.method = request.method;
      call.wire_path = request.path;
      call.served_path = request.path;
      call.query = request.query;
      call.body_state = request.body.empty() ? tokengate::Body::kNone : tokengate::Body::kRead;
      call.body = request.body;
      call.scratch = *scratch;
      tokengate::Credentials credentials = reader->read_credentials(rules, fields);
      tokengate::Caller caller;
      bool identified = reader->identify(rules, credentials, connection, &caller);
      tokengate::Decision decision = reader->verify(rules, credentials, connection, call);
      if (identified && decision.outcome == tokengate::Outcome::kGranted) ++counters->granted;
    }
  };
}

template <class T>
T required(tokengate::Result<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "%s\n", result.status.message.c_str());
    std::exit(1);
  }
  return std::move(result.value);
}

constexpr const char* kCatalog =
    "api\tmodule\tfunction\tacl\taccess\n"
    "uapi\tEmail\tlist_pops\temail\tread\n"
    "uapi\tBatch\tstrict\t*each\tread\n"
    "api2\tZoneEdit\tfetchzones\tdns\tread\n"
    "whm1\tCpanel\tuapi_cpanel\tcpanel-api\twrite\n"
    "http\tGET\t/v1/reports/*\treports\tread\n";

std::vector<Request> make_store(const std::string& store) {
  using tokengate::Service;
  tokengate::Change change{"test", std::time(nullptr)};
  if (auto made = tokengate::create_store({store, ""}, change); !made.ok()) {
    std::fprintf(stderr, "%s\n", made.message.c_str());
    std::exit(1);
  }
  auto admin = required(tokengate::Admin::open(store, tokengate::Admin::Access::kReadWrite));
  required(admin.load_catalog(change, kCatalog));
  required(admin.create_account(change, {"reseller", "", {{}, {"cpanel-api"}}}));
  required(admin.create_account(change, {"shop", "reseller", {{"email", "dns", "reports"}, {}}}));
  tokengate::NewToken full;
  full.account = "shop";
  full.name = "full";
  full.full_access = true;
  tokengate::NewToken limited;
  limited.account = "shop";
  limited.name = "ci";
  limited.acls = {"email", "dns", "reports"};
  limited.read_only = true;
  limited.addresses = {"192.0.2.0/24", "2001:db8::/32", "127.0.0.0/8"};
  tokengate::NewToken whm = full;
  whm.account = "reseller";
  whm.service = Service::kWhm;
  std::string full_secret = required(admin.create_token(change, full)).secret;
  std::string limited_secret = required(admin.create_token(change, limited)).secret;
  std::string whm_secret = required(admin.create_token(change, whm)).secret;
  std::string shop = "cpanel shop:" + limited_secret;
  return {
      {"uapi, limited token", Service::kCpanel, shop, "GET", "/execute/Email/list_pops", "regex=x", "", {}},
      {"uapi, full access",
       Service::kCpanel,
       "Bearer " + full_secret,
       "GET",
       "/execute/Email/list_pops",
       "",
       "",
       {}},
      {"uapi, unlisted function",
       Service::kCpanel,
       "Bearer " + full_secret,
       "GET",
       "/execute/Any/thing",
       "",
       "",
       {}},
      {"api2 by query",
       Service::kCpanel,
       shop,
       "GET",
       "/json-api/cpanel",
       "cpanel_jsonapi_module=ZoneEdit&cpanel_jsonapi_func=fetchzones",
       "",
       {}},
      {"api2 by form body",
       Service::kCpanel,
       shop,
       "POST",
       "/json-api/cpanel",
       "",
       "cpanel_jsonapi_module=ZoneEdit&cpanel_jsonapi_func=fetchzones",
       {}},
      {"api2 by JSON body",
       Service::kCpanel,
       shop,
       "POST",
       "/json-api/cpanel",
       "",
       R"({"cpanel_jsonapi_module":"ZoneEdit","cpanel_jsonapi_func":"fetchzones"})",
       {}},
      {"a batch",
       Service::kCpanel,
       shop,
       "GET",
       "/execute/Batch/strict",
       "command=%5B%22Email%22%2C%22list_pops%22%5D&command-0=%5B%22Email%22%2C%22list_pops%22%5D",
       "",
       {}},
      {"another account through whm",
       Service::kWhm,
       "whm reseller:" + whm_secret,
       "GET",
       "/json-api/uapi_cpanel",
       "cpanel.user=shop&cpanel.module=Email&cpanel.function=list_pops",
       "",
       {}},
      {"http", Service::kCpanel, shop, "GET", "/v1/reports/2024", "x=1", "", {}},
      {"ACLs of the location",
       Service::kCpanel,
       shop,
       "GET",
       "/legacy/anything",
       "",
       "",
       {"email", "reports"}},
  };
}

/// Both counters must see what they are there to see.
bool counters_work() {
  bool ran = count([] {
    return [] {
      void* volatile block = std::malloc(100);
      std::free(block);
      syscall(SYS_getppid);
    };
  });
  return ran && counters->allocations == 1 && counters->system_calls == 1 &&
         counters->last_system_call == SYS_getppid;
}

}  // namespace

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
namespace {
void on_malloc(const volatile void*, size_t) {
  count_allocation();
}
void on_free(const volatile void*) {}
bool hook_allocations() {
  return __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) != 0;
}
}  // namespace
#else
// glibc lets a program bring its own functions of these names.
// NOLINTBEGIN(clang-diagnostic-reserved-identifier): they are glibc's
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
// NOLINTEND(clang-diagnostic-reserved-identifier)

__attribute__((visibility("default"))) void* malloc(size_t size) {
  count_allocation();
  return __libc_malloc(size);
}
__attribute__((visibility("default"))) void* calloc(size_t count, size_t size) {
  count_allocation();
  return __libc_calloc(count, size);
}
__attribute__((visibility("default"))) void* realloc(void* block, size_t size) {
  count_allocation();
  return __libc_realloc(block, size);
}
__attribute__((visibility("default"))) void* aligned_alloc(size_t alignment, size_t size) {
  count_allocation();
  return __libc_memalign(alignment, size);
}
}
namespace {
bool hook_allocations() {
  return true;
}
}  // namespace
#endif

int main() {
  void* shared = mmap(nullptr, sizeof(Counters), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED || !hook_allocations()) return 1;
  counters = new (shared) Counters;
  if (!counters_work()) {
    std::fprintf(stderr, "the counters do not work here\n");
    return 1;
  }
  std::string folder = (std::filesystem::temp_directory_path() / "tokengate-path-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return 1;
  int failures = 0;
  for (const Request& request : make_store(folder + "/store")) {
    bool ran = count([&] { return prepare_requests(folder + "/store", request); });
    std::printf("%s: %ld allocations, %ld system calls in %ld requests\n", request.name,
                counters->allocations, counters->system_calls, counters->granted);
    if (counters->system_calls > 0)
      std::printf("  the last system call was number %ld\n", counters->last_system_call);
    if (!ran || counters->granted != kRequests || counters->allocations + counters->system_calls > 0)
      ++failures;
  }
  std::filesystem::remove_all(folder);
  return failures == 0 ? 0 : 1;
}
