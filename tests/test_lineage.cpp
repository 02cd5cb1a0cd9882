// Which tokens came of which, when some of them end.
#include "panel_fixture.h"

using namespace tokengate;

START_TEST(children_go_with_their_parent_when_asked) {
  Panel panel;
  auto manager_child = [](const char* name) {
    NewToken token = Panel::manager(name);
    token.not_before_unix_s = 0;
    return token;
  };
  ck_assert_ok(panel.make(manager_child("a")));
  ck_assert_ok(panel.make(manager_child("b"), Panel::by("a")));
  ck_assert_ok(panel.make(Panel::child("c"), Panel::by("b")));
  ck_assert_ok(panel.make(Panel::child("d")));
  panel.add_token(Panel::child("mine"));
  // Without its children: they become its maker's.
  ck_assert_ok(panel.admin.revoke_token(change_at(), "reseller", kWhm, "b"));
  ck_assert_view_eq(panel.find("c").parent, "a");
  auto gone = panel.admin.revoke_tokens(change_at(), "reseller", kWhm, {"a"}, true);
  ck_assert_ok(gone.status);
  ck_assert_uint_eq(gone.value, 2);
  ck_assert(!panel.exists("c") && panel.exists("d") && panel.exists("manager"));
  ck_assert_fails(panel.admin.revoke_tokens(change_at(), "reseller", kWhm, {"manager", "none"}, true).status,
                  Code::kRefused, "\"none\"");
  ck_assert(panel.exists("manager") && panel.exists("d"));
  ck_assert_uint_eq(
      panel.admin.revoke_tokens(change_at(), "reseller", kWhm, {"manager", "d", "d"}, true).value, 2);
  ck_assert(!panel.exists("manager") && !panel.exists("d") && panel.exists("mine"));
  ck_assert_ok(panel.admin.verify_journal().status);
}
END_TEST

START_TEST(a_token_cannot_leave_its_lineage_by_ending_its_maker) {
  struct Family : Panel {
    Family() {
      auto twin = [](const char* name) {
        NewToken token = manager(name);
        token.not_before_unix_s = 0;
        return token;
      };
      add_token(manager("stranger"));
      ck_assert_ok(make(twin("nightly")));
      ck_assert_ok(make(twin("hourly"), by("nightly")));
      ck_assert_ok(make(child("leaf"), by("hourly")));
      ck_assert_ok(make(child("leaf-of-stranger"), by("stranger")));
    }
    std::string left() {
      std::string names;
      for (const Token& token : admin.list_tokens("reseller", kWhm).value) names += token.name + ' ';
      return names;
    }
  };
  const struct {
    const char* by;
    const char* ended;
    const char* left;
  } rows[] = {
      // Itself, a maker, or a stranger: and all that came of it.
      {"manager", "manager", "leaf-of-stranger stranger "},
      {"nightly", "nightly", "leaf-of-stranger manager stranger "},
      {"nightly", "manager", "leaf-of-stranger stranger "},
      {"hourly", "manager", "leaf-of-stranger stranger "},
      {"hourly", "nightly", "leaf-of-stranger manager stranger "},
      {"stranger", "manager", "leaf-of-stranger stranger "},
      {"stranger", "nightly", "leaf-of-stranger manager stranger "},
      // What came of it has an heir that came of it too, or is itself.
      {"manager", "nightly", "hourly leaf leaf-of-stranger manager stranger "},
      {"manager", "hourly", "leaf leaf-of-stranger manager nightly stranger "},
      {"nightly", "hourly", "leaf leaf-of-stranger manager nightly stranger "},
  };
  for (const auto& row : rows) {
    Family family;
    const uint64_t entries = family.journal_entries();
    const uint64_t before = family.admin.list_tokens("reseller", kWhm).value.size();
    auto gone = family.admin.revoke_tokens(Panel::by(row.by), "reseller", kWhm, {row.ended}, false);
    ck_assert_ok(gone.status);
    ck_assert_msg(family.left() == row.left, "%s ends %s: %s", row.by, row.ended, family.left().c_str());
    ck_assert_uint_eq(gone.value, before - family.admin.list_tokens("reseller", kWhm).value.size());
    // Each has its entry.
    ck_assert_uint_eq(family.journal_entries() - entries, gone.value);
    for (const JournalEntry& entry : family.admin.read_journal(entries + 1, 10).value) {
      const bool named = entry.object == std::string("reseller/whm/") + row.ended;
      ck_assert_view_eq(entry.detail, named ? "" : "with the token that made it");
    }
    // Whoever is left leads to the one that leaked.
    if (family.exists("manager") && std::string(row.by) == "manager") {
      ck_assert_ok(family.admin.revoke_tokens(change_at(), "reseller", kWhm, {"manager"}, true).status);
      ck_assert_view_eq(family.left(), "leaf-of-stranger stranger ");
    }
  }

  // A person can leave them; they go on naming what made them.
  Family family;
  const uint64_t id = family.find("manager").id;
  ck_assert_ok(family.admin.revoke_token(change_at(), "reseller", kWhm, "manager"));
  const Token nightly = family.find("nightly");
  ck_assert_uint_eq(nightly.parent_id, id);
  ck_assert_view_eq(nightly.parent, "");
}
END_TEST

START_TEST(a_purged_tokens_children_become_its_makers) {
  Panel panel;
  NewToken brief = Panel::manager("brief");
  brief.not_before_unix_s = 0;
  brief.expires_unix_s = kNow + 10;
  ck_assert_ok(panel.make(brief));
  NewToken briefer = Panel::child("briefer");
  briefer.expires_unix_s = kNow + 5;
  ck_assert_ok(panel.make(briefer, Panel::by("brief")));
  NewToken longer = Panel::child("longer");
  longer.expires_unix_s = kNow + 9;
  ck_assert_ok(panel.make(longer, Panel::by("brief")));
  ck_assert_ok(
      panel.admin.update_token(change_at(), "reseller", kWhm, "longer", {.expires_unix_s = kNow + kDay})
          .status);
  ck_assert_uint_eq(panel.admin.purge_expired_tokens(change_at(kNow + 20), {}, kNow + 20).value, 2);
  ck_assert_view_eq(panel.find("longer").parent, "manager");
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("lineage");
  TCase* tcase = tcase_create("lineage");
  tcase_add_test(tcase, children_go_with_their_parent_when_asked);
  tcase_add_test(tcase, a_token_cannot_leave_its_lineage_by_ending_its_maker);
  tcase_add_test(tcase, a_purged_tokens_children_become_its_makers);
  suite_add_tcase(suite, tcase);
  return suite;
}
