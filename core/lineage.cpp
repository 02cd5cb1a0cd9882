// Which tokens came of which, and what becomes of them when one ends.
#include "lineage.h"

#include <map>

namespace tokengate {

std::set<uint64_t> descendants(const std::vector<WorkingToken>& family, const std::set<uint64_t>& makers) {
  std::multimap<uint64_t, uint64_t> children;
  for (const WorkingToken& token : family) {
    if (token.parent_token_id != 0) children.emplace(token.parent_token_id, token.id);
  }
  std::set<uint64_t> found;
  std::vector<uint64_t> open(makers.begin(), makers.end());
  while (!open.empty()) {
    auto [child, last] = children.equal_range(open.back());
    open.pop_back();
    for (; child != last; ++child) {
      if (!makers.contains(child->second) && found.insert(child->second).second)
        open.push_back(child->second);
    }
  }
  return found;
}

void remove_tokens(Tables& tables, const WorkingAccount& account, const std::vector<WorkingToken>& family,
                   const std::set<uint64_t>& ended) {
  std::map<uint64_t, uint64_t> heirs;
  for (const WorkingToken& token : family) {
    if (!ended.contains(token.id)) continue;
    tables.erase_token(token);
    if (token.parent_token_id != 0) heirs.emplace(token.id, token.parent_token_id);
  }
  // A maker is older than what it made, so its own heir is known first.
  for (auto& [id, heir] : heirs) {
    if (auto next = heirs.find(heir); next != heirs.end()) heir = next->second;
  }
  for (const WorkingToken& token : family) {
    auto heir = heirs.find(token.parent_token_id);
    if (heir == heirs.end() || ended.contains(token.id)) continue;
    WorkingToken child = token;
    child.parent_token_id = heir->second;
    tables.put_token(account, child);
  }
}

}  // namespace tokengate
