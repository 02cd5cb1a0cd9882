/// The shipped catalog of a hosting panel's functions, as it stands in catalog/panel.tsv.
#ifndef TOKENGATE_TOOLS_PANEL_CATALOG_H_
#define TOKENGATE_TOOLS_PANEL_CATALOG_H_

#include <string_view>

namespace tokengate::cli {

extern const std::string_view kPanelCatalog;

}  // namespace tokengate::cli

#endif  // TOKENGATE_TOOLS_PANEL_CATALOG_H_
