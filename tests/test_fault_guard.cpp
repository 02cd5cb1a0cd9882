// Maps whose files are cut short under their readers and writers.
#include "fault_guard.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>

#include "support.h"

using namespace tokengate;

namespace {

constexpr size_t kPage = 4096;
constexpr size_t kBytes = 4 * kPage;

/// A mapped file of four pages of `x`.
class Mapped {
 public:
  Mapped() : file_(open((folder_.path() + "/file").c_str(), O_RDWR | O_CREAT, 0600)) {
    ck_assert_int_eq(pwrite(file_, std::string(kBytes, 'x').data(), kBytes, 0), kBytes);
    void* map = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0);
    ck_assert_ptr_ne(map, MAP_FAILED);
    bytes = static_cast<volatile char*>(map);
  }
  ~Mapped() {
    munmap(begin(), kBytes);
    close(file_);
  }
  void* begin() { return const_cast<char*>(bytes); }
  void cut(size_t size) { ck_assert_int_eq(ftruncate(file_, static_cast<off_t>(size)), 0); }

  volatile char* bytes;

 private:
  TempFolder folder_;
  int file_;
};

/// How a child that does `work` ends: the number of the signal, or 0.
template <class Work>
int signal_of(Work&& work) {
  pid_t child = fork();
  if (child == 0) {
    work();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

volatile sig_atomic_t handled = 0;

}  // namespace

START_TEST(lost_pages_read_as_zeros_and_the_rest_stays) {
  Mapped mapped;
  FaultGuard guard;
  ck_assert(guard.watch(mapped.begin(), kBytes, false));
  ck_assert(!guard.was_hit());
  mapped.cut(kPage);
  ck_assert_int_eq(mapped.bytes[0], 'x');
  ck_assert(!guard.was_hit());
  ck_assert_int_eq(mapped.bytes[2 * kPage], 0);
  ck_assert(guard.was_hit());
  ck_assert_int_eq(mapped.bytes[3 * kPage + 5], 0);
  ck_assert_int_eq(mapped.bytes[0], 'x');
  ck_assert_int_eq(mapped.bytes[kPage], 0);
}
END_TEST

START_TEST(lost_pages_take_writes_if_the_map_did) {
  Mapped mapped;
  FaultGuard guard;
  ck_assert(guard.watch(mapped.begin(), kBytes, true));
  mapped.cut(0);
  mapped.bytes[kPage] = 'y';
  ck_assert_int_eq(mapped.bytes[kPage], 'y');
  ck_assert(guard.was_hit());
}
END_TEST

// ThreadSanitizer takes the new pages, which the kernel puts there at once, for a write of ours.
[[gnu::no_sanitize("thread")]] static size_t count_set_lines(const volatile char* bytes) {
  size_t set = 0;
  for (size_t at = 0; at < kBytes; at += 64) set += bytes[at] != 0;
  return set;
}

START_TEST(threads_may_meet_the_loss_at_once) {
  Mapped mapped;
  FaultGuard guard;
  ck_assert(guard.watch(mapped.begin(), kBytes, false));
  mapped.cut(0);
  std::atomic<size_t> set = 0;
  std::thread threads[4];
  for (std::thread& thread : threads) {
    thread = std::thread([&] { set += count_set_lines(mapped.bytes); });
  }
  for (std::thread& thread : threads) thread.join();
  ck_assert_uint_eq(set, 0);
}
END_TEST

START_TEST(a_library_with_the_handler_stays_loaded) {
  Mapped mapped;
  void* library = dlopen(TOKENGATE_GUARD_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  ck_assert_ptr_nonnull(library);
  auto* watch = reinterpret_cast<bool (*)(void*, size_t)>(dlsym(library, "watch_for_ever"));
  ck_assert(watch(mapped.begin(), kBytes));
  dlclose(library);
  mapped.cut(0);
  ck_assert_int_eq(signal_of([&] { (void)mapped.bytes[0]; }), 0);
}
END_TEST

START_TEST(other_faults_end_the_process_as_before) {
  Mapped mapped;
  Mapped other;
  signal(SIGBUS, SIG_DFL);  // a sanitizer may have put a handler of its own there
  FaultGuard guard;
  ck_assert(guard.watch(mapped.begin(), kBytes, false));
  other.cut(0);
  ck_assert_int_eq(signal_of([&] { other.bytes[0] = 'y'; }), SIGBUS);
  ck_assert_int_eq(signal_of([] { raise(SIGBUS); }), SIGBUS);
  mapped.cut(0);
  ck_assert_int_eq(signal_of([&] { (void)mapped.bytes[0]; }), 0);
}
END_TEST

START_TEST(a_handler_found_gets_what_is_not_ours) {
  Mapped mapped;
  signal(SIGBUS, [](int) { handled = handled + 1; });
  {
    FaultGuard guard;
    ck_assert(guard.watch(mapped.begin(), kBytes, false));
    raise(SIGBUS);
    ck_assert_int_eq(handled, 1);
    mapped.cut(0);
    ck_assert_int_eq(mapped.bytes[0], 0);
    ck_assert_int_eq(handled, 1);
  }
  raise(SIGBUS);
  ck_assert_int_eq(handled, 2);
}
END_TEST

START_TEST(places_are_given_back) {
  Mapped mapped;
  for (int i = 0; i < 1000; ++i) {
    FaultGuard guard;
    ck_assert(guard.watch(mapped.begin(), kBytes, false));
  }
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("fault_guard");
  TCase* tcase = tcase_create("fault_guard");
  tcase_add_test(tcase, lost_pages_read_as_zeros_and_the_rest_stays);
  tcase_add_test(tcase, lost_pages_take_writes_if_the_map_did);
  tcase_add_test(tcase, threads_may_meet_the_loss_at_once);
  tcase_add_test(tcase, a_library_with_the_handler_stays_loaded);
  tcase_add_test(tcase, other_faults_end_the_process_as_before);
  tcase_add_test(tcase, a_handler_found_gets_what_is_not_ours);
  tcase_add_test(tcase, places_are_given_back);
  suite_add_tcase(suite, tcase);
  return suite;
}
