// Token text and the grammars of names.
#include "token.h"

#include <map>
#include <set>

#include "hash.h"
#include "names.h"
#include "support.h"

using namespace tokengate;

namespace {

bool counting_bytes(std::span<uint8_t> out) {
  uint8_t next = 0;
  for (uint8_t& byte : out) byte = next++;
  return true;
}

bool system_bytes(std::span<uint8_t> out) {
  return random_bytes(out);
}

}  // namespace

START_TEST(token_text_is_fixed_for_fixed_random_bytes) {
  // Bytes 0 to 24 give the first 25 digits; the tail is their CRC-32 (python: zlib.crc32) in base 36.
  std::string text = make_token_text(counting_bytes);
  ck_assert_view_eq(text.substr(0, kTokenRandomChars), "ABCDEFGHIJKLMNOPQRSTUVWXY");
  ck_assert_view_eq(text, "ABCDEFGHIJKLMNOPQRSTUVWXYALPNPWL");
}
END_TEST

START_TEST(token_texts_are_32_of_upper_case_and_digits_and_never_repeat) {
  std::set<std::string> seen;
  std::set<char> characters;
  for (int i = 0; i < 2000; ++i) {
    std::string text = make_token_text(system_bytes);
    ck_assert_uint_eq(text.size(), 32);
    ck_assert(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == std::string::npos);
    ck_assert(check_token_text(text) == TokenTextKind::kOurs);
    ck_assert(seen.insert(text).second);
    characters.insert(text.begin(), text.begin() + kTokenRandomChars);
  }
  ck_assert_uint_eq(characters.size(), 36);
}
END_TEST

START_TEST(every_character_is_as_likely_in_each_of_25_places) {
  // 36 to the 25th is more than 2 to the 129th. Each byte that there is, once in each place of a text.
  ck_assert_uint_eq(kTokenRandomChars, 25);
  std::map<char, unsigned> count;
  for (unsigned first = 0; first < 256; ++first) {
    auto next = static_cast<uint8_t>(first);
    std::string text = make_token_text([&](std::span<uint8_t> out) {
      for (uint8_t& byte : out) byte = next++;
      return true;
    });
    // What comes first is what the byte makes, or the next one that can be used.
    if (first < 252) ++count[text[0]];
    for (size_t i = 1; i < kTokenRandomChars; ++i) ck_assert_int_ne(text[i], text[i - 1]);
    if (first >= 252) ck_assert_int_eq(text[0], 'A');
  }
  ck_assert_uint_eq(count.size(), 36);
  for (auto [character, times] : count) ck_assert_uint_eq(times, 7);
}
END_TEST

START_TEST(no_token_without_random_bytes) {
  ck_assert(make_token_text([](std::span<uint8_t>) { return false; }).empty());
}
END_TEST

START_TEST(every_single_typing_error_is_noticed) {
  std::string good = make_token_text(system_bytes);
  for (size_t at = 0; at < good.size(); ++at) {
    for (char c : std::string("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")) {
      if (c == good[at]) continue;
      std::string typo = good;
      typo[at] = c;
      ck_assert(check_token_text(typo) == TokenTextKind::kBadCheck);
    }
  }
  for (size_t at = 0; at + 1 < good.size(); ++at) {
    std::string swapped = good;
    std::swap(swapped[at], swapped[at + 1]);
    if (swapped != good) ck_assert(check_token_text(swapped) == TokenTextKind::kBadCheck);
  }
}
END_TEST

START_TEST(foreign_and_impossible_texts_are_told_apart) {
  ck_assert(check_token_text("sk_live_0123456789abcdef") == TokenTextKind::kForeign);
  ck_assert(check_token_text(std::string(kMinSecretBytes, 'a')) == TokenTextKind::kForeign);
  ck_assert(check_token_text(std::string(kMaxSecretBytes, 'a')) == TokenTextKind::kForeign);
  ck_assert(check_token_text(std::string(kMinSecretBytes - 1, 'a')) == TokenTextKind::kNotAToken);
  ck_assert(check_token_text(std::string(kMaxSecretBytes + 1, 'a')) == TokenTextKind::kNotAToken);
  ck_assert(check_token_text("") == TokenTextKind::kNotAToken);
  ck_assert(check_token_text("0123456789 123456789") == TokenTextKind::kNotAToken);
  ck_assert(check_token_text(std::string("0123456789\0abcdefgh", 19)) == TokenTextKind::kNotAToken);
}
END_TEST

START_TEST(names_keep_their_grammars) {
  ck_assert(is_username("shop") && is_username("a") && is_username("_x") && is_username("a.b-c@d+e_F9"));
  ck_assert(is_username(std::string(kMaxUserBytes, 'u')) &&
            !is_username(std::string(kMaxUserBytes + 1, 'u')));
  for (const char* bad : {"", ".a", "-a", "@a", "a b", "a:b", "a/b", "a\n", "a,b", "\xC3\xA4"}) {
    ck_assert_msg(!is_username(bad), "%s", bad);
  }
  ck_assert(is_token_name("ci") && is_token_name("-") && is_token_name("_A-9"));
  ck_assert(is_token_name(std::string(50, 'n')) && !is_token_name(std::string(51, 'n')));
  for (const char* bad : {"", "a.b", "a b", "a/b", "ä"}) ck_assert_msg(!is_token_name(bad), "%s", bad);
  ck_assert(is_acl_name("email") && is_acl_name("list-accts") && is_acl_name("a_b.c") && is_acl_name("9"));
  for (const char* bad : {"", "-a", "?", "*", "*each", "a,b", "a b"})
    ck_assert_msg(!is_acl_name(bad), "%s", bad);
}
END_TEST

START_TEST(header_names_fold_as_cgi_folds_them) {
  for (const char* same : {"X-Tokengate-User", "x-tokengate-user", "X_Tokengate_User", "X-TOKENGATE_user",
                           "X.Tokengate.User", "x~tokengate!user"}) {
    ck_assert_msg(header_names_fold_alike(same, "X-Tokengate-User"), "%s", same);
  }
  for (const char* other :
       {"X-Tokengate-Use", "X-Tokengate-User2", "", "XTokengateUser", "X--Tokengate-User"}) {
    ck_assert_msg(!header_names_fold_alike(other, "X-Tokengate-User"), "%s", other);
  }
}
END_TEST

START_TEST(knows_the_headers_that_carry_identity) {
  for (const char* ours :
       {"X-Tokengate-Service", "x_tokengate_token", "X-TOKENGATE.TOKEN-ID", "X-Tokengate_Secret-Serial"}) {
    ck_assert_msg(is_fixed_identity_header(ours), "%s", ours);
  }
  for (const char* other : {"", "X-Tokengate-User", "X-Tokengate-Tokens", "X-Tokengate-Page"}) {
    ck_assert_msg(!is_fixed_identity_header(other), "%s", other);
  }
}
END_TEST

START_TEST(headers_that_change_the_call_are_found_in_any_spelling) {
  for (const char* changer : {"X-Original-URL", "x-original-url", "X_ORIGINAL_URL", "X-Rewrite-Url",
                              "SCRIPT_NAME", "Script-Name", "script.name", "X-HTTP-Method-Override",
                              "x_http_method_override", "X-HTTP-Method", "X-Method-Override"}) {
    ck_assert_msg(header_changes_call(changer), "%s", changer);
    ck_assert_msg(!header_name_problem(changer).empty(), "%s", changer);
  }
  for (const char* other : {"", "X-Original-URI", "Authorization", "X-Script-Name", "X-HTTP-Method-Overrid",
                            "X-Method-Override2", "ScriptName", "Content-Length"}) {
    ck_assert_msg(!header_changes_call(other), "%s", other);
    ck_assert_msg(!header_names_another_call(other), "%s", other);
  }
  for (const char* namer :
       {"Destination", "DESTINATION", "x_http_method_override", "X-HTTP-Method", "X.Method.Override"}) {
    ck_assert_msg(header_names_another_call(namer), "%s", namer);
  }
  for (const char* path : {"X-Original-URL", "X-Rewrite-URL", "Script-Name", "Destinations"}) {
    ck_assert_msg(!header_names_another_call(path), "%s", path);
  }
  for (size_t size : {size_t{64}, size_t{64 + 14}, size_t{1000}})
    ck_assert(!header_changes_call(std::string(size, 'x')));
}
END_TEST

START_TEST(a_connection_names_no_headers) {
  struct Row {
    const char *value, *known;
    bool complete;
  };
  for (const Row& row :
       {Row{"", "", true}, Row{"close", "close", true}, Row{"Keep-Alive", "keep-alive", true},
        Row{"Upgrade, HTTP2-Settings", "upgrade,http2-settings", true},
        Row{"close, X-Tokengate-User", "close", false}, Row{"X_Tokengate_User", "", false},
        Row{"close;x\tkeep-alive \"upgrade\"", "close,keep-alive,upgrade", false},
        Row{"close, close,,close", "close", true}, Row{"closed", "", false},
        Row{"close-x,keep-alive\x80", "keep-alive", false},
        Row{"http2-settings,upgrade,keep-alive,close,x", "http2-settings,upgrade,keep-alive,close", false}}) {
    ConnectionOptions options = read_connection_options(row.value);
    ck_assert_view_eq(options.known.view(), row.known);
    ck_assert_msg(options.complete == row.complete, "%s", row.value);
    ck_assert(options.complete || options.known.view().size() < std::string_view(row.value).size());
  }
}
END_TEST

START_TEST(a_realm_is_printable_ascii) {
  ck_assert(is_realm("a \"b\" \\c~") && is_realm(std::string(kMaxRealmBytes, 'r')) &&
            is_realm(kDefaultRealm));
  ck_assert(!is_realm("") && !is_realm(std::string(kMaxRealmBytes + 1, 'r')));
  for (const char* bad : {"a\tb", "a\x7f", "\xc3\xa9"}) ck_assert_msg(!is_realm(bad), "%s", bad);
}
END_TEST

START_TEST(a_header_of_the_admins_choice_has_no_meaning_yet) {
  for (const char* good : {"X-Api-Key", "x_key", "Api-Key2"}) {
    ck_assert_view_eq(header_name_problem(good), "");
  }
  for (const char* bad : {"", "X Key", "-X", "X:Y", "Authorization", "authorization", "Content_Type", "HOST",
                          "Cookie", "X-Forwarded-For", "x_real_ip", "Trailer", "X-\xC3\xA4"}) {
    ck_assert_msg(!header_name_problem(bad).empty(), "%s", bad);
  }
  ck_assert_view_eq(header_name_problem(std::string(kMaxHeaderNameBytes, 'x')), "");
  ck_assert(!header_name_problem(std::string(kMaxHeaderNameBytes + 1, 'x')).empty());
}
END_TEST

START_TEST(scheme_names_are_read_in_any_case) {
  ck_assert(scheme_from_name("WHM") == kSchemeWhm && scheme_from_name("cPanel") == kSchemeCpanel);
  ck_assert(scheme_from_name("bearer") == kSchemeBearer && scheme_from_name("BASIC") == kSchemeBasic);
  for (const char* none : {"", "digest", "webmail", "2087", "cpanel ", "header"}) {
    ck_assert_msg(scheme_from_name(none) == kSchemeNone, "%s", none);
  }
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("token");
  TCase* tcase = tcase_create("token");
  tcase_add_test(tcase, token_text_is_fixed_for_fixed_random_bytes);
  tcase_add_test(tcase, token_texts_are_32_of_upper_case_and_digits_and_never_repeat);
  tcase_add_test(tcase, every_character_is_as_likely_in_each_of_25_places);
  tcase_add_test(tcase, no_token_without_random_bytes);
  tcase_add_test(tcase, every_single_typing_error_is_noticed);
  tcase_add_test(tcase, foreign_and_impossible_texts_are_told_apart);
  tcase_add_test(tcase, names_keep_their_grammars);
  tcase_add_test(tcase, header_names_fold_as_cgi_folds_them);
  tcase_add_test(tcase, knows_the_headers_that_carry_identity);
  tcase_add_test(tcase, a_realm_is_printable_ascii);
  tcase_add_test(tcase, headers_that_change_the_call_are_found_in_any_spelling);
  tcase_add_test(tcase, a_connection_names_no_headers);
  tcase_add_test(tcase, a_header_of_the_admins_choice_has_no_meaning_yet);
  tcase_add_test(tcase, scheme_names_are_read_in_any_case);
  suite_add_tcase(suite, tcase);
  return suite;
}
