// Any bytes as a catalog: no crash, a one-line message if refused, and a text form that reads back the same.
#include "catalog.h"

#include <algorithm>
#include <string>
#include <vector>

#include "fuzz.h"

namespace {

bool same(const tokengate::CatalogRow& a, const tokengate::CatalogRow& b) {
  return a.api == b.api && a.module == b.module && a.function == b.function && a.acls == b.acls &&
         a.wrapper == b.wrapper && a.unlisted == b.unlisted && a.read == b.read;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tokengate;
  // Most inputs should get past the header: the first byte says whether it is given.
  std::string text;
  if (size > 0 && data[0] % 4 != 0) text = "api\tmodule\tfunction\tacl\taccess\n";
  if (size > 0) text.append(reinterpret_cast<const char*>(data) + 1, size - 1);

  Result<std::vector<CatalogRow>> first = parse_catalog(text);
  if (!first.ok()) {
    require(first.value.empty() && !first.status.message.empty(), "message");
    require(std::all_of(first.status.message.begin(), first.status.message.end(),
                        [](char c) { return c >= 0x20 && c < 0x7f; }),
            "printable message");
    return 0;
  }
  for (const CatalogRow& row : first.value) {
    require(!row.module.empty() && !row.function.empty(), "names");
    require(row.acls.empty() == (row.wrapper || row.unlisted) && !(row.wrapper && row.unlisted), "needs");
  }
  Result<std::vector<CatalogRow>> second = parse_catalog(catalog_text(first.value));
  require(second.ok() && std::equal(first.value.begin(), first.value.end(), second.value.begin(),
                                    second.value.end(), same),
          "another catalog");
  return 0;
}
