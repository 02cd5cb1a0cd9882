// What fuzz targets about whole stores share.
#ifndef TOKENGATE_TESTS_FUZZ_STORE_LINES_H_
#define TOKENGATE_TESTS_FUZZ_STORE_LINES_H_

#include <set>
#include <string>
#include <string_view>

#include "fuzz.h"
#include "tokengate/admin.h"

namespace tokengate {

/// Of what the target itself does, not of what it tries.
inline void must(const Status& status) {
  ::require(status.ok(), status.message.c_str());
}

/// All that a store holds, a line each.
inline std::set<std::string> lines_of(const std::string& store) {
  std::string text;
  {
    Result<Admin> admin = Admin::open(store, Admin::Access::kReadOnly);
    must(admin.status);
    must(admin.value.export_text([&](std::string_view part) { return text += part, true; }));
  }
  std::set<std::string> lines;
  for (std::string_view rest = text; !rest.empty();) lines.emplace(take_until('\n', &rest));
  return lines;
}

}  // namespace tokengate

#endif  // TOKENGATE_TESTS_FUZZ_STORE_LINES_H_
