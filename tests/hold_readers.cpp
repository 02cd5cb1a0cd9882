// Takes every reader slot of a store, prints how many it got, and keeps them until its standard input ends.
#include <cstdio>
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
  if (argc != 2) {
    std::fputs("Usage: hold_readers STORE\n", stderr);
    return 2;
  }
  Verifier verifier(argv[1]);
  std::vector<std::unique_ptr<Reader>> readers;
  do {
    readers.push_back(std::make_unique<Reader>(verifier));
  } while (has_slot(*readers.back()));
  std::printf("%zu\n", readers.size() - 1);
  std::fflush(stdout);
  return std::getchar() == EOF ? 0 : 1;
}
