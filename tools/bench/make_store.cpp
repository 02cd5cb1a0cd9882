// Fills an empty store with tokens whose secrets are known: one a line on standard input, ten to an account
// (u0, u1, …), with the ACLs of the service cpanel that are named, or without any full access. In key order
// and in few transactions: millions take seconds.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "admin_impl.h"
#include "hash.h"
#include "record.h"
#include "store.h"

namespace {

using namespace tokengate;

constexpr size_t kTokensPerAccount = 10;
constexpr size_t kRecordsPerTransaction = 100'000;
constexpr int64_t kNow = 1'800'000'000;

struct Secret {
  TokenKey key = 0;
  uint32_t number = 0;
  Digest digest{};
};

std::vector<Secret> read_secrets() {
  std::ios::sync_with_stdio(false);
  std::vector<Secret> secrets;
  for (std::string line; std::getline(std::cin, line);) {
    Secret secret;
    secret.digest = sha256(line);
    secret.key = token_key(secret.digest);
    secret.number = static_cast<uint32_t>(secrets.size());
    secrets.push_back(secret);
  }
  return secrets;
}

std::string user_of(uint32_t number) {
  return "u" + std::to_string(number / kTokensPerAccount);
}

/// Calls `put(tables, i)` for 0 ≤ i < count.
template <class Put>
void in_transactions(Environment& environment, size_t count, Put&& put) {
  for (size_t i = 0; i < count;) {
    Transaction transaction;
    require(transaction.begin_write(environment));
    Tables tables(transaction);
    for (size_t end = std::min(i + kRecordsPerTransaction, count); i < end; ++i) put(tables, i);
    require(transaction.commit());
  }
}

AclSet find_acls(Environment& environment, const std::vector<std::string>& names) {
  Transaction transaction;
  require(transaction.begin_read(environment));
  return Tables(transaction).acl_set(Service::kCpanel, names);
}

void fill(Environment& environment, const std::vector<std::string>& acl_names, std::vector<Secret> secrets) {
  bool full_access = acl_names.empty();
  AclSet acls = find_acls(environment, full_access ? std::vector<std::string>{"all"} : acl_names);
  std::string acl_bytes = acls.to_bytes();
  std::vector<WorkingAccount> accounts((secrets.size() + kTokensPerAccount - 1) / kTokensPerAccount);
  in_transactions(environment, accounts.size(), [&](Tables& tables, size_t i) {
    WorkingAccount& account = accounts[i];
    account.username = user_of(static_cast<uint32_t>(i * kTokensPerAccount));
    account.created_unix_s = kNow;
    account.acls[static_cast<size_t>(Service::kCpanel)] = acls;
    account.id = tables.add_account(account);
  });

  // Accounts have dense ids and each has its tokens in order, so the names come in key order.
  in_transactions(environment, secrets.size(), [&](Tables& tables, size_t i) {
    TokenNameRecord record;
    record.token_id = tables.take_token_id();
    record.key = secrets[i].key;
    record.created_unix_s = kNow;
    std::string key = token_name_key(accounts[i / kTokensPerAccount].id, Service::kCpanel,
                                     "t" + std::to_string(i % kTokensPerAccount));
    require(tables.transaction().insert(Table::kTokenNames, key, encode(record)));
  });

  std::sort(secrets.begin(), secrets.end(), [](const Secret& a, const Secret& b) { return a.key < b.key; });
  in_transactions(environment, secrets.size(), [&](Tables& tables, size_t i) {
    const Secret& secret = secrets[i];
    const WorkingAccount& account = accounts[secret.number / kTokensPerAccount];
    std::string name = "t" + std::to_string(secret.number % kTokensPerAccount);
    TokenRecord record;
    record.token_id = secret.number + 1;
    record.account_id = account.id;
    record.full_access = full_access;
    record.digest = secret.digest;
    if (!full_access) record.token_acls = acl_bytes;
    record.account_acls = acl_bytes;
    record.user = account.username;
    record.name = name;
    require(tables.transaction().insert(Table::kTokens, secret.key, encode(record)));
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_make_store FOLDER [ACL…] <SECRETS\n");
    return 2;
  }
  Environment environment;
  try {
    require(environment.open(argv[1], Environment::Mode::kWrite));
    fill(environment, {argv + 2, argv + argc}, read_secrets());
  } catch (const StoreFailure& failure) {
    std::fprintf(stderr, "bench_make_store: %s\n",
                 describe(failure.error, argv[1], environment.system_text()).c_str());
    return 3;
  } catch (const Failure& failure) {
    std::fprintf(stderr, "bench_make_store: %s\n", failure.status.message.c_str());
    return 3;
  }
  return 0;
}
