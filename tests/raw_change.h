/// Changes of a store that no command would make.
#ifndef TOKENGATE_TESTS_RAW_CHANGE_H_
#define TOKENGATE_TESTS_RAW_CHANGE_H_

#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "environment.h"
#include "support.h"
#include "transaction.h"

using RawChange = std::function<void(tokengate::Transaction&)>;

/// Runs `work` in one transaction. No environment may be open in this process.
inline void change_raw(const std::string& path, const RawChange& work) {
  using namespace tokengate;
  Environment environment;
  ck_assert(environment.open(path, Environment::Mode::kWrite) == StoreError::kNone);
  Transaction transaction;
  ck_assert(transaction.begin_write(environment) == StoreError::kNone);
  work(transaction);
  ck_assert(transaction.commit() == StoreError::kNone);
}

/// The same in another process, while this one goes on reading.
inline void change_raw_elsewhere(const std::string& path, const RawChange& work) {
  pid_t child = fork();
  if (child == 0) {
    change_raw(path, work);
    _exit(0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  ck_assert_int_eq(status, 0);
}

#endif  // TOKENGATE_TESTS_RAW_CHANGE_H_
