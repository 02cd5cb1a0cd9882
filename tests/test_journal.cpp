// The hash chain: complete, ordered, and broken by any change.
#include "journal.h"

#include "environment.h"
#include "store_fixture.h"

using namespace tokengate;

namespace {

/// Opens the fixture's store below the admin interface and lets `work(Transaction&)` write to it.
template <class Work>
void write_raw(StoreFixture& fixture, Work&& work) {
  fixture.admin = {};
  {
    Environment environment;
    ck_assert(environment.open(fixture.path(), Environment::Mode::kWrite) == StoreError::kNone);
    Transaction transaction;
    ck_assert(transaction.begin_write(environment) == StoreError::kNone);
    work(transaction);
    ck_assert(transaction.commit() == StoreError::kNone);
  }
  fixture.admin = std::move(Admin::open(fixture.path(), Admin::Access::kReadWrite).value);
}

}  // namespace

START_TEST(each_change_is_one_entry_in_order) {
  StoreFixture fixture;
  fixture.add_account("shop", {"email"});
  std::string secret = fixture.add_token({.account = "shop", .name = "ci", .acls = {"email"}});
  ck_assert_ok(fixture.admin.revoke_token({"cli:alice", kNow + 5}, "shop", Service::kCpanel, "ci"));
  auto entries = fixture.admin.read_journal(1, 100);
  ck_assert_ok(entries.status);
  const char* const actions[] = {"store.create", "catalog.load", "account.create", "token.create",
                                 "token.revoke"};
  ck_assert_uint_eq(entries.value.size(), 5);
  for (size_t i = 0; i < 5; ++i) {
    ck_assert_uint_eq(entries.value[i].seq, i + 1);
    ck_assert_view_eq(entries.value[i].action, actions[i]);
    ck_assert_uint_eq(entries.value[i].hash_hex.size(), 64);
    ck_assert(entries.value[i].detail.find(secret) == std::string::npos);
  }
  ck_assert_view_eq(entries.value[4].actor, "cli:alice");
  ck_assert_view_eq(entries.value[4].object, "shop/cpanel/ci");
  ck_assert_int_eq(entries.value[4].time_unix_s, kNow + 5);
  auto verified = fixture.admin.verify_journal();
  ck_assert_ok(verified.status);
  ck_assert_uint_eq(verified.value, 5);
}
END_TEST

START_TEST(a_refused_change_leaves_no_entry) {
  StoreFixture fixture;
  fixture.add_account("shop", {"email"});
  uint64_t before = fixture.admin.stat().value.journal_entries;
  ck_assert_fails(fixture.admin.set_account_active(change_at(), "nobody", false), Code::kRefused, "nobody");
  ck_assert_fails(fixture.admin.define_acl(change_at(), Service::kCpanel, "*"), Code::kInvalid, "ACL name");
  ck_assert_uint_eq(fixture.admin.stat().value.journal_entries, before);
}
END_TEST

START_TEST(reading_starts_and_stops_where_told) {
  StoreFixture fixture;
  for (int i = 0; i < 5; ++i) fixture.add_account("u" + std::to_string(i), {});
  auto part = fixture.admin.read_journal(3, 2);
  ck_assert_uint_eq(part.value.size(), 2);
  ck_assert_uint_eq(part.value[0].seq, 3);
  ck_assert_uint_eq(part.value[1].seq, 4);
  ck_assert(fixture.admin.read_journal(100, 2).value.empty());
  ck_assert(fixture.admin.read_journal(1, 0).value.empty());
}
END_TEST

START_TEST(an_altered_entry_breaks_the_chain) {
  StoreFixture fixture;
  fixture.add_account("shop", {});
  write_raw(fixture, [](Transaction& transaction) {
    Bytes value;
    JournalRecord record;
    ck_assert(transaction.get(Table::kJournal, uint64_t{2}, &value) == StoreError::kNone);
    std::string copy(value);
    ck_assert(decode(copy, &record));
    record.actor = "cli:somebody-else";
    ck_assert(transaction.put(Table::kJournal, uint64_t{2}, encode(record)) == StoreError::kNone);
  });
  ck_assert_fails(fixture.admin.verify_journal().status, Code::kStore, "entry 2");
}
END_TEST

START_TEST(a_removed_entry_breaks_the_chain) {
  for (uint64_t seq : {1, 2}) {
    StoreFixture fixture;
    fixture.add_account("shop", {});
    write_raw(fixture, [seq](Transaction& transaction) {
      ck_assert(transaction.erase(Table::kJournal, seq) == StoreError::kNone);
    });
    ck_assert_fails(fixture.admin.verify_journal().status, Code::kStore, "entry " + std::to_string(seq));
  }
}
END_TEST

START_TEST(the_hash_covers_every_field) {
  JournalRecord base;
  base.time_unix_s = 7;
  base.actor = "a";
  base.action = "b";
  base.object = "c";
  base.detail = "d";
  Digest zero{};
  Digest hash = journal_hash(zero, 1, base);
  auto differs = [&](const Digest& previous, uint64_t seq, const JournalRecord& record) {
    return journal_hash(previous, seq, record) != hash;
  };
  ck_assert(!differs(zero, 1, base));
  ck_assert(differs(hash, 1, base));
  ck_assert(differs(zero, 2, base));
  JournalRecord record = base;
  record.time_unix_s = 8;
  ck_assert(differs(zero, 1, record));
  for (std::string_view JournalRecord::*field :
       {&JournalRecord::actor, &JournalRecord::action, &JournalRecord::object, &JournalRecord::detail}) {
    record = base;
    record.*field = "x";
    ck_assert(differs(zero, 1, record));
  }
  // Bytes cannot move from one field to the next unseen.
  record = base;
  record.actor = "ab";
  record.action = "";
  ck_assert(differs(zero, 1, record));
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("journal");
  TCase* tcase = tcase_create("journal");
  tcase_set_timeout(tcase, 60);
  tcase_add_test(tcase, each_change_is_one_entry_in_order);
  tcase_add_test(tcase, a_refused_change_leaves_no_entry);
  tcase_add_test(tcase, reading_starts_and_stops_where_told);
  tcase_add_test(tcase, an_altered_entry_breaks_the_chain);
  tcase_add_test(tcase, a_removed_entry_breaks_the_chain);
  tcase_add_test(tcase, the_hash_covers_every_field);
  suite_add_tcase(suite, tcase);
  return suite;
}
