// Another process on a store, for tests of what processes share.
#ifndef TOKENGATE_TESTS_STORE_HOLDER_H_
#define TOKENGATE_TESTS_STORE_HOLDER_H_

#include <check.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "environment.h"
#include "transaction.h"

namespace tokengate {

/// A process that has the store open and `slots` of its reader slots in use, until it is killed.
class StoreHolder {
 public:
  explicit StoreHolder(const std::string& path, unsigned slots = 0) {
    int ready[2];
    ck_assert_int_eq(pipe(ready), 0);
    child_ = fork();
    if (child_ == 0) {
      Environment environment;
      bool ok = environment.open(path, Environment::Mode::kServe) == StoreError::kNone;
      std::vector<Transaction> held(slots);
      for (Transaction& transaction : held)
        ok = ok && transaction.begin_read(environment) == StoreError::kNone;
      if (write(ready[1], ok ? "y" : "n", 1) == 1) pause();
      _exit(1);
    }
    close(ready[1]);
    char answer = 0;
    ck_assert_int_eq(read(ready[0], &answer, 1), 1);
    close(ready[0]);
    ck_assert_int_eq(answer, 'y');
  }
  ~StoreHolder() { end(); }
  StoreHolder(const StoreHolder&) = delete;
  StoreHolder& operator=(const StoreHolder&) = delete;

  void end() {
    if (child_ <= 0) return;
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    child_ = 0;
  }

 private:
  pid_t child_ = 0;
};

}  // namespace tokengate

#endif  // TOKENGATE_TESTS_STORE_HOLDER_H_
