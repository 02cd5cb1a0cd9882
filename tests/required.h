/// For programs that the tests run: what a step gave, or the end of the program with its reason.
#ifndef TOKENGATE_TESTS_REQUIRED_H_
#define TOKENGATE_TESTS_REQUIRED_H_

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "tokengate/admin.h"

namespace tokengate {

inline void required(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.message.c_str());
  std::exit(1);
}

template <class T>
T required(Result<T> result) {
  required(result.status);
  return std::move(result.value);
}

}  // namespace tokengate

#endif  // TOKENGATE_TESTS_REQUIRED_H_
