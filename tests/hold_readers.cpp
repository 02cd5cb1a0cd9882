// Takes reader slots of a store, all that are free or as many as it is told, prints how many it got, and
// keeps them until its standard input ends.
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <vector>

#include "tokengate/verify.h"

using namespace tokengate;

namespace {

/// Whether the store can be read through it: without a slot it cannot.
bool has_slot(Reader& reader) {
  Rules rules;
  Connection connection;
  connection.tls = true;
  return reader.verify(rules, Credentials{}, connection, {}).outcome != Outcome::kStoreUnavailable;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::fputs("Usage: hold_readers STORE [COUNT]\n", stderr);
    return 2;
  }
  const size_t wanted = argc == 3 ? std::strtoul(argv[2], nullptr, 10) : std::numeric_limits<size_t>::max();
  Verifier verifier(argv[1]);
  std::vector<std::unique_ptr<Reader>> readers;
  while (readers.size() < wanted) {
    auto reader = std::make_unique<Reader>(verifier);
    if (!has_slot(*reader)) break;
    readers.push_back(std::move(reader));
  }
  std::printf("%zu\n", readers.size());
  std::fflush(stdout);
  return std::getchar() == EOF ? 0 : 1;
}
