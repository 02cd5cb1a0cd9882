// Takes a row out of the catalog of a store, as no command would: lose_catalog_row STORE KEY, where KEY is
// the row's module and function with a slash between them.
#include <cstdio>
#include <string>

#include "catalog_table.h"
#include "environment.h"

using namespace tokengate;

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string name = argv[2];
  const size_t slash = name.find('/');
  if (slash == std::string::npos) return 2;
  const std::string key = catalog_key(Api::kUapi, name.substr(0, slash), name.substr(slash + 1));
  Environment environment;
  Transaction transaction;
  StoreError error = environment.open(argv[1], Environment::Mode::kWrite);
  if (error == StoreError::kNone) error = transaction.begin_write(environment);
  if (error == StoreError::kNone) error = transaction.erase(Table::kCatalog, key);
  if (error == StoreError::kNone) error = transaction.commit();
  if (error != StoreError::kNone) std::fputs("the row cannot be taken out\n", stderr);
  return error == StoreError::kNone ? 0 : 1;
}
