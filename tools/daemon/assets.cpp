// The files that page.S puts into the binary.
#include "assets.h"

#include <array>
#include <utility>

extern "C" {
extern const char tokengate_page_html[], tokengate_page_html_end[];
extern const char tokengate_page_js[], tokengate_page_js_end[];
extern const char tokengate_page_css[], tokengate_page_css_end[];
}

namespace tokengate::daemon {
namespace {

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<size_t>(end - begin)};
}

}  // namespace

const Asset* find_asset(std::string_view name) {
  static const std::array<std::pair<std::string_view, Asset>, 3> kAssets = {{
      {"", {between(tokengate_page_html, tokengate_page_html_end), "text/html; charset=utf-8"}},
      {"app.js", {between(tokengate_page_js, tokengate_page_js_end), "text/javascript; charset=utf-8"}},
      {"app.css", {between(tokengate_page_css, tokengate_page_css_end), "text/css; charset=utf-8"}},
  }};
  for (const auto& [asset_name, asset] : kAssets) {
    if (asset_name == name) return &asset;
  }
  return nullptr;
}

}  // namespace tokengate::daemon
