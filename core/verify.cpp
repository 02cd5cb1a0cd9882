// The request path from top to bottom: credentials, store, policy, decision.
#include "tokengate/verify.h"

#include "catalog_cache.h"
#include "catalog_table.h"
#include "credentials.h"
#include "explain.h"
#include "hash.h"
#include "policy.h"
#include "route.h"
#include "verifier.h"

namespace tokengate {
namespace {

/// Between enter() and leave() of a seat; leaves on every path.
class Snapshot {
 public:
  explicit Snapshot(ReaderSeat& seat) noexcept : seat_(seat), taken_(seat.enter()) {}
  ~Snapshot() {
    if (taken_) seat_.leave();
  }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  bool taken() const noexcept { return taken_; }

 private:
  ReaderSeat& seat_;
  bool taken_;
};

/// Of snapshots, if commits come faster than decisions are made, which hardly any disk allows.
constexpr int kAttempts = 3;

void describe_caller(const TokenRecord& token, Caller* caller) noexcept {
  caller->user.assign(token.user);
  caller->token_name.assign(token.name);
  caller->token_id = token.token_id;
  caller->secret_serial = token.secret_serial;
  caller->account_id = token.account_id;
  caller->service = token.service;
}

}  // namespace

class Reader::Impl {
 public:
  explicit Impl(Verifier::Impl& verifier) : seat_(verifier) {
    // The first snapshot claims a reader slot, which takes a lock and memory: not on the first request.
    Snapshot warm_up(seat_);
  }

  Credentials read_credentials(const Rules& rules, const CredentialFields& fields) noexcept;
  bool identify(const Rules& rules, const Credentials& credentials, const Connection& connection,
                Caller* caller) noexcept;
  Decision verify(const Rules& rules, const Credentials& credentials, const Connection& connection,
                  const Call& call, Observer* observer) noexcept;

 private:
  Outcome check_caller(const Rules& rules, const Credentials& credentials, const Connection& connection,
                       const Report& report, TokenRecord* token, Caller* caller) noexcept;
  Outcome find_token(const Credentials& credentials, TokenRecord* token) noexcept;
  // Inline, as each is asked once on every request.
  inline void decide(const Rules& rules, const Credentials& credentials, const Connection& connection,
                     const Call& call, const Report& report, UsageMap* usage, Decision* decision) noexcept;
  inline Outcome check_route(const Rules& rules, const Call& call, const Report& report) noexcept;
  inline Outcome check_acls(const Rules& rules, const Call& call, const TokenRecord& token,
                            const Report& report, Decision* decision) noexcept;
  Outcome check_required_acls(const Rules& rules, const Call& call, const TokenRecord& token,
                              Decision* decision) noexcept;
  Outcome check_call_acls(const Rules& rules, const RoutedCall& call, const TokenRecord& token,
                          Decision* decision) noexcept;
  Outcome check_targets(const TokenRecord& token, const Report& report, Decision* decision) noexcept;
  Outcome check_target(const RoutedCall& call, const TokenRecord& token, Decision* decision) noexcept;
  Outcome find_row(const RoutedCall& call, Service service, CatalogRecord* row) noexcept;
  Outcome damaged() noexcept;

  ReaderSeat seat_;
  CatalogCache catalog_cache_;
  Use use_;
  Route route_;  // large, so not on the stack of every request
};

Outcome Reader::Impl::damaged() noexcept {
  // Otherwise it may be pages that were used again.
  if (seat_.is_intact()) seat_.report_damage();
  return Outcome::kStoreUnavailable;
}

Credentials Reader::Impl::read_credentials(const Rules& rules, const CredentialFields& fields) noexcept {
  Credentials credentials;
  ParsedCredentials parsed;
  credentials.state = parse_credentials(rules.schemes, fields, &parsed);
  if (credentials.state != Credentials::kPresent) return credentials;
  credentials.scheme = parsed.scheme;
  credentials.user.assign(parsed.user);
  credentials.digest = sha256(parsed.secret);
  return credentials;
}

bool Reader::Impl::identify(const Rules& rules, const Credentials& credentials, const Connection& connection,
                            Caller* caller) noexcept {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Snapshot snapshot(seat_);
    if (!snapshot.taken()) return false;
    TokenRecord token;
    Caller found;
    Outcome outcome = check_caller(rules, credentials, connection, Report(nullptr), &token, &found);
    if (!seat_.is_intact()) continue;
    if (outcome == Outcome::kGranted) *caller = found;
    return outcome == Outcome::kGranted;
  }
  return false;
}

Decision Reader::Impl::verify(const Rules& rules, const Credentials& credentials,
                              const Connection& connection, const Call& call, Observer* observer) noexcept {
  Decision decision;
  Report report(observer);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Snapshot snapshot(seat_);
    Outcome opened = snapshot.taken() ? Outcome::kGranted : Outcome::kStoreUnavailable;
    report.check(Outcome::kStoreUnavailable, opened, store_words, opened);
    if (!snapshot.taken()) return decision;
    UsageMap* usage = rules.records_use ? seat_.usage() : nullptr;
    decide(rules, credentials, connection, call, report, usage, &decision);
    if (seat_.is_intact()) {
      if (usage != nullptr && decision.outcome == Outcome::kGranted) {
        usage->record(decision.caller.token_id, connection.now_unix_s, connection.client, use_);
      }
      return decision;
    }
    decision = Decision();
  }
  return decision;
}

/// Checks 2 to 11, in a snapshot that may have gone meanwhile.
void Reader::Impl::decide(const Rules& rules, const Credentials& credentials, const Connection& connection,
                          const Call& call, const Report& report, UsageMap* usage,
                          Decision* decision) noexcept {
  TokenRecord token;
  decision->outcome = check_caller(rules, credentials, connection, report, &token, &decision->caller);
  if (decision->outcome != Outcome::kGranted) return;
  decision->caller_identified = true;
  if (usage != nullptr) usage->prefetch(token.token_id);
  use_ = {};

  // From here on each step must pass for the next to be asked; the last one's word is the decision.
  decision->outcome = check_route(rules, call, report);
  if (decision->outcome != Outcome::kGranted) return;
  decision->route.assign(route_.text.view());  // a copy of the whole would be of mostly unused room
  decision->outcome = check_acls(rules, call, token, report, decision);
  if (decision->outcome != Outcome::kGranted) return;
  decision->outcome = check_targets(token, report, decision);
  // Where pages of the catalog are gone, a call looks like one that it does not list.
  if (seat_.lost_pages()) decision->outcome = damaged();
}

/// Checks 2 to 7. `*token` is filled, with views into the snapshot, if the token was found, and `*caller`
/// too.
Outcome Reader::Impl::check_caller(const Rules& rules, const Credentials& credentials,
                                   const Connection& connection, const Report& report, TokenRecord* token,
                                   Caller* caller) noexcept {
  Outcome outcome = Outcome::kGranted;
  // Credentials may have been read under the rules of another location of the same request.
  bool scheme_is_on = (credentials.scheme & rules.schemes) != 0;
  if (credentials.state == Credentials::kMalformed) {
    outcome = Outcome::kMalformedCredentials;
  } else if (credentials.state != Credentials::kPresent || !scheme_is_on) {
    outcome = Outcome::kNoCredentials;
  }
  if (!report.check(Outcome::kNoCredentials, outcome, credentials_words, outcome)) return outcome;

  outcome = check_transport(rules, connection);
  if (!report.check(Outcome::kInsecureTransport, outcome, transport_words, rules, connection)) return outcome;

  outcome = find_token(credentials, token);
  if (outcome == Outcome::kGranted) {
    describe_caller(*token, caller);
    outcome = check_token(rules, credentials, *token);
  }
  if (!report.check(Outcome::kUnknownToken, outcome, token_words, outcome, rules, credentials, *token,
                    *caller)) {
    return outcome;
  }

  outcome = check_lifetime(*token, connection.now_unix_s);
  if (!report.check(Outcome::kExpired, outcome, lifetime_words, *token, connection)) return outcome;

  outcome = check_account(*token);
  if (!report.check(Outcome::kAccountSuspended, outcome, account_words, *token)) return outcome;

  outcome = check_address(*token, connection.client);
  report.check(Outcome::kAddressDenied, outcome, address_words, *token, connection);
  return outcome;
}

/// First half of check 4. The short key finds the record; the whole digest decides.
Outcome Reader::Impl::find_token(const Credentials& credentials, TokenRecord* token) noexcept {
  Bytes value;
  StoreError error = seat_.transaction().get(Table::kTokens, token_key(credentials.digest), &value);
  if (error == StoreError::kNotFound) return Outcome::kUnknownToken;
  if (error != StoreError::kNone || !decode(value, token)) return damaged();
  return equal_constant_time(credentials.digest, token->digest) ? Outcome::kGranted : Outcome::kUnknownToken;
}

/// Checks 8 and 9.
Outcome Reader::Impl::check_route(const Rules& rules, const Call& call, const Report& report) noexcept {
  find_route(rules.service, call, &route_);
  Outcome outcome = Outcome::kGranted;
  if (route_.problem == RouteProblem::kRefused) {
    outcome = Outcome::kApiRefused;
  } else if (route_.problem != RouteProblem::kNone || route_.count == 0) {
    outcome = Outcome::kBadRoute;
  }
  report.check(Outcome::kBadRoute, outcome, route_words, outcome, route_);
  return outcome;
}

/// Check 10, over every call.
Outcome Reader::Impl::check_acls(const Rules& rules, const Call& call, const TokenRecord& token,
                                 const Report& report, Decision* decision) noexcept {
  Outcome outcome = Outcome::kGranted;
  if (!rules.required_acls.empty()) outcome = check_required_acls(rules, call, token, decision);
  for (unsigned i = 0; i < route_.count && outcome == Outcome::kGranted; ++i) {
    outcome = check_call_acls(rules, route_.calls[i], token, decision);
  }
  report.check(Outcome::kAclDenied, outcome, acl_words, outcome, token, *decision);
  return outcome;
}

/// What the location itself asks for. A read-only token gets as far as methods that only read (RFC
/// 9110 9.2.1); for panel calls, which say nothing by their method, check_call_acls() looks further.
Outcome Reader::Impl::check_required_acls(const Rules& rules, const Call& call, const TokenRecord& token,
                                          Decision* decision) noexcept {
  if (route_.calls[0].api == Api::kHttp && call.method != "GET" && call.method != "HEAD") {
    use_.writes = true;
    if (token.read_only) return Outcome::kAclDenied;
  }
  for (std::string_view name : rules.required_acls) {
    decision->acl.assign(name);
    char key[1 + kMaxAclNameBytes];
    if (name.size() > kMaxAclNameBytes) return Outcome::kAclDenied;
    key[0] = static_cast<char>(rules.service);
    name.copy(key + 1, name.size());
    Bytes key_bytes(key, 1 + name.size());
    Bytes value;
    StoreError error = seat_.transaction().get(Table::kAcls, key_bytes, &value);
    if (error == StoreError::kNotFound) return Outcome::kAclDenied;
    AclRecord required;
    if (error != StoreError::kNone || !decode(key_bytes, value, &required)) return damaged();
    if (!token_may_use(token, required.number)) return Outcome::kAclDenied;
    use_.acls.add(required.number);
  }
  return Outcome::kGranted;
}

Outcome Reader::Impl::check_call_acls(const Rules& rules, const RoutedCall& call, const TokenRecord& token,
                                      Decision* decision) noexcept {
  bool location_decides = !rules.required_acls.empty();
  if (location_decides && call.api == Api::kHttp) return Outcome::kGranted;
  CatalogRecord row;
  Outcome found = find_row(call, token.service, &row);
  if (found != Outcome::kGranted) return found;
  if (row.wrapper) return Outcome::kGranted;
  if (token.read_only && !row.read) {
    decision->acl.clear();
    return Outcome::kAclDenied;
  }
  if (!row.read) use_.writes = true;
  if (location_decides) return Outcome::kGranted;
  if (row.unlisted) {
    use_.unlisted = true;
    decision->acl.clear();
    return token_may_call_unlisted(token) ? Outcome::kGranted : Outcome::kAclDenied;
  }
  // An account-level call through whm needs its ACLs of the target, in check 11.
  if (token.service == Service::kWhm && (call.api == Api::kUapi || call.api == Api::kApi2)) {
    return Outcome::kGranted;
  }
  CatalogAcl acl;
  while (next_catalog_acl(&row.acls, &acl)) {
    decision->acl.assign(acl.name);
    if (!token_may_use(token, acl.number)) return Outcome::kAclDenied;
    use_.acls.add(acl.number);
  }
  return Outcome::kGranted;
}

/// Check 11, over every call that names an account.
Outcome Reader::Impl::check_targets(const TokenRecord& token, const Report& report,
                                    Decision* decision) noexcept {
  if (token.service != Service::kWhm) return Outcome::kGranted;
  Outcome outcome = Outcome::kGranted;
  for (unsigned i = 0; i < route_.count && outcome == Outcome::kGranted; ++i) {
    const RoutedCall& call = route_.calls[i];
    if (call.api == Api::kUapi || call.api == Api::kApi2) outcome = check_target(call, token, decision);
  }
  report.check(Outcome::kTargetDenied, outcome, target_words, outcome, *decision);
  return outcome;
}

Outcome Reader::Impl::check_target(const RoutedCall& call, const TokenRecord& token,
                                   Decision* decision) noexcept {
  decision->acl.clear();
  if (call.target.empty()) return Outcome::kTargetDenied;
  Bytes value;
  uint64_t id = 0;
  StoreError error = seat_.transaction().get(Table::kAccountNames, call.target, &value);
  if (error == StoreError::kNotFound) return Outcome::kTargetDenied;
  if (error != StoreError::kNone || value.size() != sizeof id) return damaged();
  value.copy(reinterpret_cast<char*>(&id), sizeof id);
  AccountRecord target;
  error = seat_.transaction().get(Table::kAccounts, id, &value);
  if (error != StoreError::kNone || !decode(value, &target)) return damaged();
  // An entry of the names has no check value of its own.
  if (target.username != call.target) return damaged();
  if (!caller_may_act_on(token, static_cast<uint32_t>(id), target)) return Outcome::kTargetDenied;

  CatalogRecord row;
  Outcome found = find_row(call, token.service, &row);
  if (found != Outcome::kGranted) return found;
  CatalogAcl acl;
  while (next_catalog_acl(&row.acls, &acl)) {
    decision->acl.assign(acl.name);
    std::string_view possessed = target.acls[static_cast<size_t>(Service::kCpanel)];
    if (!account_possesses(possessed, acl.number)) return Outcome::kTargetDenied;
  }
  return Outcome::kGranted;
}

/// The catalog's row for a call; no row counts as `?`. Rows of http calls name ACLs of the service cpanel, so
/// on the other service there is none.
Outcome Reader::Impl::find_row(const RoutedCall& call, Service service, CatalogRecord* row) noexcept {
  CatalogRecord unlisted;
  unlisted.unlisted = true;
  if (call.api == Api::kHttp && service != Service::kCpanel) {
    *row = unlisted;
    return Outcome::kGranted;
  }
  Transaction& transaction = seat_.transaction();
  if (catalog_cache_.find(transaction.snapshot(), call, row)) return Outcome::kGranted;
  switch (find_catalog_row(transaction, seat_.catalog_cursor(), call, row)) {
    case CatalogMatch::kRow:
      break;
    case CatalogMatch::kNone:
      *row = unlisted;
      break;
    case CatalogMatch::kOtherCase:
      return Outcome::kBadRoute;
    case CatalogMatch::kDamaged:
      return damaged();
  }
  catalog_cache_.keep(call, *row);
  return Outcome::kGranted;
}

Reader::Reader(Verifier& verifier) : impl_(std::make_unique<Impl>(*verifier.impl_)) {}

Reader::~Reader() = default;

Credentials Reader::read_credentials(const Rules& rules, const CredentialFields& fields) noexcept {
  return impl_->read_credentials(rules, fields);
}

bool Reader::identify(const Rules& rules, const Credentials& credentials, const Connection& connection,
                      Caller* caller) noexcept {
  return impl_->identify(rules, credentials, connection, caller);
}

Decision Reader::verify(const Rules& rules, const Credentials& credentials, const Connection& connection,
                        const Call& call, Observer* observer) noexcept {
  return impl_->verify(rules, credentials, connection, call, observer);
}

}  // namespace tokengate
