/// The built page, carried inside the binary.
#ifndef TOKENGATE_TOOLS_DAEMON_ASSETS_H_
#define TOKENGATE_TOOLS_DAEMON_ASSETS_H_

#include <string_view>

namespace tokengate::daemon {

struct Asset {
  std::string_view content;
  std::string_view content_type;
};

/// `name` as in the page: "", "app.js", "app.css". Null if there is no such file.
const Asset* find_asset(std::string_view name);

}  // namespace tokengate::daemon

#endif  // TOKENGATE_TOOLS_DAEMON_ASSETS_H_
